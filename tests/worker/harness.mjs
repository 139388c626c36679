// The test build in real workerd, with real KV and SQLite objects on disk, started by Miniflare in a process of its own:
// `kill()` ends workerd in the middle of whatever it does, and a start over the same folder shows what survived.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { root } from "../../scripts/lib/run.mjs";
import { startWorker } from "../../scripts/lib/workerd.mjs";
import { VARIABLES, setting } from "../../scripts/lib/wrangler.mjs";

// One key for all starts of a test file, so that a restart over the same state takes the same requests.
const processKey = randomBytes(32).toString("hex");

// The processes of a test end with it.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/**
 * Starts the Worker on a free port.
 * `persist` is the folder of its state (none: a temporary one that `stop` removes), `vars` override those of wrangler.toml.
 * `limits` binds rate limiters, each with so many requests a minute; without it there are none.
 * Without KV (`withKv`) every use of it fails.
 * `kv` reads and writes the TOKENS namespace; `evict(org)` takes an organisation's object out of
 * memory; `log()` is what the Worker has written.
 */
export async function start({ persist, vars = {}, limits = {}, withKv = true, consoleKey = processKey } = {}) {
  const folder = persist ?? mkdtempSync(join(tmpdir(), "scim-edge-"));
  const build = resolve(root, process.env.SCIM_EDGE_BUILD ?? "build-test");
  const set = Object.fromEntries(VARIABLES.map((name) => [name, setting(name)]));
  // Tests of other things send more than the object's time is for: only the tests of that set OBJECT_SECONDS.
  const all = { ...set, OBJECT_SECONDS: "", ...vars, CONSOLE_KEY: consoleKey };
  const heard = (text) => process.env.SCIM_EDGE_LOG && process.stderr.write(text);
  const { url, pid, call, stop, kill, log } = await startWorker({ build, persist: folder, vars: all, limits, kv: withKv }, heard);
  const kv = {
    get: (key) => call("get", { key }),
    put: (key, value) => call("put", { key, value }),
    delete: (key) => call("delete", { key }),
  };
  const end = async () => {
    await stop();
    if (persist === undefined) rmSync(folder, { recursive: true, force: true });
  };
  return { url, pid, consoleKey, persist: folder, kv, evict: (org) => call("evict", { org }), stop: end, kill, log };
}
