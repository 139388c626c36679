// The sessions and random filters over HTTP, by the runner that also runs them natively.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { organisation } from "./client.mjs";
import { start } from "./harness.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
let server;
before(async () => (server = await start()));
after(() => server.stop());

async function runRust(name, org, env = {}) {
  const child = spawn("cargo", ["test", "--quiet", "--locked", "--test", "http", name], {
    cwd: root,
    env: {
      ...process.env,
      SCIM_EDGE_URL: org.base,
      SCIM_EDGE_TOKEN: org.token,
      SCIM_EDGE_CONSOLE: `${server.url}/v1/orgs/${org.org}`,
      SCIM_EDGE_KEY: server.consoleKey,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const code = await new Promise((done) => child.on("close", done));
  assert.equal(code, 0, output);
  assert.match(output, /1 passed/);
}

for (const file of readdirSync(`${root}tests/sessions`)) {
  const { dialect = "auto" } = JSON.parse(readFileSync(`${root}tests/sessions/${file}`));
  const session = file.replace(/\.json$/, "");
  test(session, async () => {
    const org = await organisation(server, session, { name: "test", kind: "scim", dialect });
    await runRust("session_over_http", org, { SCIM_EDGE_SESSION: session });
  });
}

test("random filters find in SQLite what the evaluator finds", async () => {
  await runRust("filters_over_http", await organisation(server, "filters"));
});
