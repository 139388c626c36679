// Clients that others would generate from the description of the Console's API, tried against the test build in workerd:
// `node run.mjs PYTHON`, with an interpreter that has what requirements.txt lists. openapi-typescript generates types, with which
// client.ts is compiled; openapi-python-client generates a package, which client.py imports. Both read a user.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { group, organisation, user } from "../worker/client.mjs";
import { start } from "../worker/harness.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const python = process.argv[2];
const folder = here("../../target/clients");
const description = join(folder, "openapi.json");
const BADGE = "urn:example:badge:2.0:User";

/** Runs a program; gives what it printed, and fails with that if it fails. */
async function run(command, args, env = {}) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: folder, env: { ...process.env, ...env } });
    return stdout;
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}\n${error.stdout}${error.stderr}`);
  }
}

const node = (script, ...args) => run(process.execPath, [here(script), ...args]);

async function typescript(...args) {
  await node("node_modules/openapi-typescript/bin/cli.js", description, "-o", join(folder, "api.d.ts"));
  await node("../../node_modules/typescript/bin/tsc", "-p", here("."));
  return run(process.execPath, [join(folder, "client.js"), ...args.slice(0, 3)], { API_KEY: args[3] });
}

async function pythonClient(...args) {
  const config = ["--meta", "none", "--config", here("generator.yaml"), "--fail-on-warning"];
  const where = ["--path", description, "--output-path", join(folder, "scim_edge_client")];
  const tool = "from openapi_python_client.cli import app; app()";
  await run(python, ["-c", tool, "generate", ...where, ...config], { PYTHONUTF8: "1" });
  // A proxy of the surroundings is not for a server on this machine.
  const env = { API_KEY: args[3], PYTHONPATH: folder, NO_PROXY: "127.0.0.1" };
  return run(python, [here("client.py"), ...args.slice(0, 3)], env);
}

const server = await start();
let [passed, failed] = [0, 0];
try {
  const org = await organisation(server, "generated");
  const made = async (path, body) => {
    const answer = await org.scim("POST", path, body);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.id;
  };
  const ada = await made("/Users", user("ada", { [BADGE]: { number: "7" } }));
  await made("/Groups", group("crew", [ada]));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(description, await (await fetch(`${server.url}/v1/openapi.json`)).text());
  const expected = { userName: "ada", badge: { number: "7" }, joined: [ada], made: 2 };
  for (const client of [typescript, pythonClient]) {
    try {
      assert.deepEqual(JSON.parse(await client(server.url, "generated", ada, server.consoleKey)), expected);
      passed += 1;
    } catch (error) {
      failed += 1;
      console.error(error);
    }
  }
} finally {
  await server.stop();
}
console.log(`clients: ${passed} checks passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
