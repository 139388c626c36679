// Starts and ends the process of miniflare.mjs and calls it: for `npm run serve`, the tests and the measurements.
import { fork } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { node22, node22Env } from "./packages.mjs";

const program = fileURLToPath(new URL("miniflare.mjs", import.meta.url));
const START_MS = 30_000;
const STOP_MS = 10_000;
const KEPT_LOG = 200_000;

const running = new Set();
// No workerd outlives this process, however it ends.
process.on("exit", () => running.forEach((child) => signalGroup(child, "SIGKILL")));

/**
 * Starts the Worker of the folder `build` over the state in `persist`: `port` (0: a free one), `vars`, `limits` (requests a
 * minute of each rate limiter), `kv` (false: none). `heard` gets what the Worker and workerd write.
 *
 * Gives `url`, the process's `pid`, `call(name, args)` for the messages of miniflare.mjs, `stop()`, `kill()` (at once, in the middle of whatever
 * it does), `exited` and `log()`.
 */
export async function startWorker(options, heard = () => {}) {
  const env = { ...process.env, ...node22Env(), NO_COLOR: "1" };
  // A process group of its own: a signal to the group reaches workerd too, which is Miniflare's child.
  const child = fork(program, { detached: true, env, execPath: node22, execArgv: [], stdio: ["ignore", "pipe", "pipe", "ipc"] });
  running.add(child);
  const exited = new Promise((done) => child.once("exit", done)).finally(() => running.delete(child));
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      log = (log + text).slice(-KEPT_LOG);
      heard(text);
    });
  }
  const call = caller(child, exited, () => log);

  const kill = async () => {
    signalGroup(child, "SIGKILL");
    await exited;
    await gone(child);
  };
  const stop = async () => {
    if (!running.has(child)) return;
    child.send({ call: "stop" }, () => {});
    const late = Symbol("late");
    if ((await Promise.race([exited, sleep(STOP_MS, late, { ref: false })])) === late) await kill();
  };
  try {
    return { url: await call("start", options, START_MS), pid: child.pid, call, stop, kill, exited, log: () => log };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** Returns a function that sends requests over the message channel, each with its answer. */
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

/** True if a process of the group still runs. A dead one stays listed where no init collects it, and holds nothing. */
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
