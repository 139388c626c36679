// schemathesis against the test build in workerd: `node run.mjs PYTHON EXAMPLES`, with an interpreter that has what
// requirements.txt lists. It sends of each operation so many requests that the description of the Console's API allows
// or forbids, beside one for each boundary. Before, the document itself is validated.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { group, organisation, user } from "../worker/client.mjs";
import { start } from "../worker/harness.mjs";

const THROWN_AWAY = 3;
const URN = "urn:example:badge:2.0:User";
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** An organisation with something of everything; gives the ids that lead somewhere. */
async function furnished(server) {
  const org = await organisation(server, "fuzzed");
  for (const name of ["erased", "imported"]) await organisation(server, name);
  const made = async (path, body) => {
    const answer = await org.scim("POST", path, body);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.id;
  };
  assert.equal((await org.console(`/schemas/${URN}`, "PUT", { attributes: [{ name: "number" }] })).status, 201);
  const people = [];
  for (const name of ["ada", "bob", "cy"]) people.push(await made("/Users", user(name, { [URN]: { number: name } })));
  const crew = await made("/Groups", group("crew", people));
  assert.equal((await org.scim("DELETE", `/Users/${people[2]}`)).status, 204);
  assert.equal((await org.scim("POST", "/Users", user("ada"))).status, 409);
  const ids = [];
  for (let n = 0; n < 2 * THROWN_AWAY; n++) {
    const minted = await org.console("/tokens", "POST", { name: `thrown away ${n}`, kind: "scim" });
    ids.push(minted.body.id);
  }
  const [tokens, rotated] = [ids.slice(THROWN_AWAY), ids.slice(0, THROWN_AWAY)];
  return { users: people, groups: [crew], tokens, rotated, schemas: [URN, "urn:example:other"] };
}

/** Runs a program of the interpreter's; gives its status. */
async function python(args, env, cwd) {
  const suite = spawn(process.argv[2], ["-m", ...args], { cwd, env, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(suite, "exit");
  return code ?? 1;
}

const server = await start();
try {
  const env = {
    ...process.env,
    API_KEY: server.consoleKey,
    API_IDS: JSON.stringify(await furnished(server)),
    PYTHONPATH: here("."),
    PYTHONDONTWRITEBYTECODE: "1",
    PYTHONUTF8: "1",
    // A proxy of the surroundings is not for a server on this machine.
    NO_PROXY: "127.0.0.1",
  };
  // The files that it leaves behind land there.
  const folder = here("../../target/schemathesis");
  mkdirSync(folder, { recursive: true });
  const config = ["--config-file", here("schemathesis.toml")];
  const what = [`${server.url}/v1/openapi.json`, "--max-examples", process.argv[3]];
  process.exitCode =
    (await python(["openapi_spec_validator", here("../../src/console/openapi.json")], env, folder)) ||
    (await python(["schemathesis.cli", ...config, "run", ...what], env, folder));
} finally {
  await server.stop();
}
