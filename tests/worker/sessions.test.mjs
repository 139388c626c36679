// The sessions and random filters over HTTP, by the runner that also runs them natively.
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { organisation } from "./client.mjs";
import { start } from "./harness.mjs";
import { runRust } from "./rust.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
let server;
before(async () => (server = await start()));
after(() => server.stop());

for (const file of readdirSync(`${root}tests/idp/sessions`)) {
  const { dialect = "auto" } = JSON.parse(readFileSync(`${root}tests/idp/sessions/${file}`));
  const session = file.replace(/\.json$/, "");
  test(session, async () => {
    const org = await organisation(server, session, { name: "test", kind: "scim", dialect });
    await runRust(server, "session_over_http", org, { SCIM_EDGE_SESSION: session });
  });
}

test("random filters find in SQLite what the evaluator finds", async () => {
  await runRust(server, "filters_over_http", await organisation(server, "filters"));
});
