// `npm start`: builds what is missing, serves it on this machine with `wrangler dev`, makes a demo organisation and prints
// what an identity provider or the Console must be told. Ctrl-C ends it and everything it started.
import { spawn } from "node:child_process";
import { join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDemo, printDemo } from "./lib/demo.mjs";
import { HOST, freePort, onEnd, ready } from "./lib/listen.mjs";
import { ensurePackages, node22, node22Env } from "./lib/packages.mjs";
import { log, logFile, main, root, say, showLog, step } from "./lib/run.mjs";
import { localSecrets } from "./lib/secrets.mjs";
import { build } from "./lib/steps.mjs";

const STOP_MS = 5_000;

let wrangler;
let stopping = false;
/** False until everything is ready: till then the log has what wrangler says. */
let shown = false;

onEnd(stop);

await main(async () => {
  const port = await freePort("npm start");
  log("npm start\n");
  say(`What the tools say goes to ${relative(root, logFile)}`);
  await ensurePackages();
  await build();
  const key = localSecrets().CONSOLE_KEY;
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
