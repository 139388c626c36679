// The recorded sessions over HTTP, by the runner that also runs them natively.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { organisation } from "./client.mjs";
import { start } from "./harness.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
let server;
before(async () => (server = await start()));
after(() => server.stop());

for (const session of ["okta-aiw-put", "okta-oin-patch", "entra-legacy"]) {
  test(session, async () => {
    const { org, base, token } = await organisation(server, session);
    const env = {
      ...process.env,
      SCIM_EDGE_SESSION: session,
      SCIM_EDGE_URL: base,
      SCIM_EDGE_TOKEN: token,
      SCIM_EDGE_CONSOLE: `${server.url}/v1/orgs/${org}`,
      SCIM_EDGE_KEY: server.consoleKey,
    };
    const args = ["test", "--quiet", "--locked", "--test", "http"];
    const child = spawn("cargo", args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
    const code = await new Promise((done) => child.on("close", done));
    assert.equal(code, 0, output);
  });
}
