// The requests of tests/bounds/table.rs in workerd: the same directories, put into the objects' files while nothing runs.
// Not a test.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { organisation } from "./client.mjs";
import { start } from "./harness.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const MIB = 1024 * 1024;

/** The requests, written by the native program: `{name, place, status, method, path, headers, body, before}`. */
export function written() {
  const folder = join(root, "target/bounds");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const args = ["test", "--quiet", "--locked", "--test", "bounds", "--", "--ignored", "--exact", "files::written"];
  const run = spawnSync("cargo", args, { cwd: root, encoding: "utf8", env: { ...process.env, SCIM_EDGE_BOUNDS: folder } });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  const rows = JSON.parse(readFileSync(join(folder, "rows.json"), "utf8"));
  const read = (row) => ({ ...row, body: row.file && readFileSync(join(folder, row.file)) });
  const sql = (place) => readFileSync(join(folder, `${place}.sql`), "utf8");
  return { rows: rows.map(read), sql };
}

/** A folder of state with an organisation for each of these places, as the rows have them before, and their tokens. */
export async function prepared(places, { rows, sql }) {
  const folder = mkdtempSync(join(tmpdir(), "scim-edge-bounds-"));
  const persist = join(folder, "template");
  const server = await start({ persist, vars: { OBJECT_SECONDS: "" } });
  const tokens = {};
  try {
    for (const place of places) tokens[place] = (await organisation(server, place)).token;
    for (const row of rows.filter((row) => row.before && places.includes(row.place))) {
      const { status, detail } = await send(server, tokens, row);
      assert.ok(status < 300, `${row.path}: ${status} ${detail}`);
    }
  } finally {
    await server.stop();
  }
  // Only now: Node says that it is experimental.
  const { DatabaseSync } = await import("node:sqlite");
  for (const name of readdirSync(persist, { recursive: true }).filter((name) => name.endsWith(".sqlite"))) {
    const database = new DatabaseSync(join(persist, name));
    try {
      const place = displayed(database);
      if (places.includes(place)) database.exec(`BEGIN; ${sql(place)} COMMIT;`);
    } finally {
      database.close();
    }
  }
  const remove = () => rmSync(folder, { recursive: true, force: true });
  let copies = 0;
  /** Starts the Worker in a fresh isolate over a copy of the state. */
  const fresh = async () => {
    const copy = join(folder, `copy-${copies++}`);
    cpSync(persist, copy, { recursive: true });
    const server = await start({ persist: copy, vars: { OBJECT_SECONDS: "" } });
    const stop = async () => {
      await server.stop();
      rmSync(copy, { recursive: true, force: true });
    };
    return { ...server, stop };
  };
  return { tokens, fresh, remove };
}

/** The name of the organisation of an object's database; null for any other database. */
function displayed(database) {
  try {
    const row = database.prepare("SELECT value FROM settings WHERE name = 'organisation'").get();
    return JSON.parse(row.value).displayName;
  } catch {
    return null;
  }
}

/** Sends a row's request; gives its status, the bytes of its answer, how long it took, and the isolate's memory after it. */
export async function send(server, tokens, row) {
  const isConsole = row.path.startsWith("/v1/");
  const url = isConsole ? row.path.replace("/acme", `/${row.place}`) : `/${row.place}/scim/v2${row.path}`;
  const headers = { Authorization: `Bearer ${isConsole ? server.consoleKey : tokens[row.place]}`, ...row.headers };
  await fetch(`${server.url}/healthz`);
  const began = performance.now();
  const response = await fetch(server.url + url, { method: row.method, headers, body: row.body });
  const answer = new Uint8Array(await response.arrayBuffer());
  const milliseconds = performance.now() - began;
  const detail = new TextDecoder().decode(answer.subarray(0, 400));
  return { status: response.status, answer: answer.length, milliseconds, detail, ...(await isolate(server)) };
}

/** The wasm memory in bytes, and the longest work of an object since this was last asked, in milliseconds. */
export async function isolate(server) {
  const text = (await fetch(`${server.url}/healthz`)).headers.get("x-test-isolate");
  const [memory, longest] = text.split(",").map(Number);
  return { memory, longest };
}
