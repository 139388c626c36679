// `npm start`: builds what is missing, serves it on this machine with `wrangler dev`, makes a demo organisation and prints
// what an identity provider or the Console must be told. Ctrl-C ends it and everything it started.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { consoleKey, makeDemo, printDemo } from "./lib/demo.mjs";
import { ensurePackages, node22, node22Env } from "./lib/packages.mjs";
import { Failure, log, logFile, main, root, say, showLog, step } from "./lib/run.mjs";
import { build } from "./lib/steps.mjs";

const HOST = "127.0.0.1";
const READY_MS = 60_000;
const STOP_MS = 5_000;

let wrangler;
let stopping = false;
/** False until everything is ready: till then the log has what wrangler says. */
let shown = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
// npm killed outright sends no signal: then the parent changes.
const parent = process.ppid;
if (process.env.npm_lifecycle_event) setInterval(() => process.ppid !== parent && stop(), 1000).unref();

await main(async () => {
  const port = portWanted();
  await mustBeFree(port);
  log("npm start\n");
  say(`What the tools say goes to ${relative(root, logFile)}`);
  await ensurePackages();
  await build();
  const key = consoleKey();
  const origin = `http://${HOST}:${port}`;
  const demo = await step(`Starting wrangler dev on ${origin}`, "5 s", async () => {
    serve(port);
    await ready(origin);
    return makeDemo(origin, key);
  });
  printDemo(demo);
  shown = true;
}).finally(() => {
  if (process.exitCode === 1) killAll();
});

function portWanted() {
  const port = Number(process.env.PORT || 8787);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Failure(`PORT is not a port: ${process.env.PORT}`);
  return port;
}

/** Asked before the build, which may take minutes. */
function mustBeFree(port) {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once("error", (error) => {
      const taken = `Port ${port} of ${HOST} is taken: stop what listens there, or choose another with PORT=8788 npm start`;
      fail(new Failure(error.code === "EADDRINUSE" ? taken : `Port ${port} cannot be opened: ${error.message}`));
    });
    probe.listen(port, HOST, () => probe.close(done));
  });
}

function serve(port) {
  const state = resolve(root, process.env.SCIM_EDGE_STATE || ".wrangler/state");
  const args = ["dev", "--ip", HOST, "--port", String(port), "--persist-to", state, "--show-interactive-dev-session=false"];
  // A process group of its own: workerd, a grandchild, is in it and ends with it.
  const options = { cwd: root, detached: true, env: { ...process.env, ...node22Env() }, stdio: ["ignore", "pipe", "pipe"] };
  log("$ wrangler dev\n");
  wrangler = spawn(node22, [join(root, "node_modules/wrangler/bin/wrangler.js"), ...args], options);
  for (const [from, to] of [[wrangler.stdout, process.stdout], [wrangler.stderr, process.stderr]]) {
    from.on("data", (chunk) => (shown ? to.write(chunk) : log(chunk)));
  }
  wrangler.on("error", (error) => console.error(`[scim-edge] wrangler cannot be started: ${error.message}`));
  wrangler.on("exit", (code, signal) => {
    if (stopping) return;
    if (!shown) showLog();
    console.error(`[scim-edge] wrangler ended by itself (${signal ?? `status ${code}`})`);
    killAll();
    process.exit(1);
  });
}

async function ready(origin) {
  for (const until = Date.now() + READY_MS; Date.now() < until; await sleep(100)) {
    const answer = await fetch(`${origin}/healthz`).catch(() => null);
    if (answer?.status === 200) return;
  }
  const failure = new Failure(`${origin}/healthz did not answer 200 within ${READY_MS / 1000} s`);
  failure.logged = true;
  throw failure;
}

function signalAll(signal) {
  try {
    process.kill(-wrangler.pid, signal);
    return true;
  } catch {
    return false;
  }
}

function killAll() {
  stopping = true;
  if (wrangler) signalAll("SIGKILL");
}

async function stop() {
  if (stopping) return;
  stopping = true;
  if (wrangler && wrangler.exitCode === null) {
    say("Stopping");
    const ended = new Promise((done) => wrangler.once("exit", done));
    signalAll("SIGTERM");
    await Promise.race([ended, sleep(STOP_MS)]);
    signalAll("SIGKILL");
  }
  process.exit(0);
}
