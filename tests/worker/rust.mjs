// Native tests against a running Worker. Not a test.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a test of `tests/http.rs` against an organisation of the server. */
export async function runRust(server, name, org, env = {}) {
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
