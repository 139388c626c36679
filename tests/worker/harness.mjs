// The test build in real workerd, with real KV and SQLite objects on disk, started by Miniflare in a process of its own:
// `kill()` ends workerd in the middle of whatever it does, and a start over the same folder shows what survived.
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const server = fileURLToPath(new URL("server.mjs", import.meta.url));
const START_MS = 30_000;
const STOP_MS = 10_000;
const KEPT_LOG = 200_000;

// One key for all starts of a test file, so that a restart over the same state takes the same requests.
const processKey = randomBytes(32).toString("hex");
const running = new Set();

// No workerd outlives the test process, however it ends.
process.on("exit", () => running.forEach((child) => signalGroup(child, "SIGKILL")));
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
  const env = { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", NO_COLOR: "1" };
  // A process group of its own: a signal to the group reaches workerd too, which is Miniflare's child.
  const child = fork(server, { detached: true, env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  running.add(child);
  const exited = new Promise((done) => child.once("exit", done)).finally(() => running.delete(child));
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      log = (log + text).slice(-KEPT_LOG);
      if (process.env.SCIM_EDGE_LOG) process.stderr.write(text);
    });
  }
  const call = caller(child, exited, () => log);

  const kill = async () => {
    signalGroup(child, "SIGKILL");
    await exited;
    await gone(child);
  };
  const stop = async () => {
    if (running.has(child)) {
      child.send({ call: "stop" }, () => {});
      const late = Symbol("late");
      if ((await Promise.race([exited, sleep(STOP_MS, late, { ref: false })])) === late) await kill();
    }
    if (persist === undefined) rmSync(folder, { recursive: true, force: true });
  };

  try {
    const url = await call("start", { persist: folder, vars: { ...vars, CONSOLE_KEY: consoleKey }, limits, kv: withKv }, START_MS);
    const kv = {
      get: (key) => call("get", { key }),
      put: (key, value) => call("put", { key, value }),
      delete: (key) => call("delete", { key }),
    };
    const evict = (org) => call("evict", { org });
    return { url, consoleKey, persist: folder, kv, evict, stop, kill, log: () => log };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** Requests to the server process over its message channel, each with its answer. */
function caller(child, exited, log) {
  const waiting = new Map();
  let next = 0;
  child.on("message", ({ id, value, error }) => {
    const { done, fail } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) done?.(value);
    else fail?.(new Error(error));
  });
  exited.then(() => {
    for (const { fail } of waiting.values()) fail(new Error(`workerd's process ended:\n${log()}`));
    waiting.clear();
  });
  return (name, args, timeoutMs = STOP_MS) =>
    new Promise((done, fail) => {
      const id = next++;
      const timer = setTimeout(() => {
        waiting.delete(id);
        fail(new Error(`no answer to ${name} in ${timeoutMs} ms:\n${log()}`));
      }, timeoutMs);
      const settled = (then) => (value) => {
        clearTimeout(timer);
        then(value);
      };
      waiting.set(id, { done: settled(done), fail: settled(fail) });
      child.send({ id, call: name, ...args }, (error) => error && waiting.get(id)?.fail(error));
    });
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Waits until no process of the group runs any more and its files are closed. */
async function gone(child) {
  for (let waited = 0; waited < 1000 && signalGroup(child, 0) && aliveIn(child.pid); waited += 5) await sleep(5);
}

/** Whether a process of the group still runs. A dead one stays listed where no init collects it, and holds nothing. */
function aliveIn(group) {
  try {
    return readdirSync("/proc").some((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        // After the name in parentheses: state, parent, group.
        const [state, , pgrp] = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
        return Number(pgrp) === group && (state !== "Z" || readdirSync(`/proc/${pid}/task`).length > 1);
      } catch {
        return false;
      }
    });
  } catch {
    return true;
  }
}
