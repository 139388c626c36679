// `npm run serve`: the built Worker on this machine for longer, under Miniflare without wrangler's proxy. KV and the objects'
// SQLite lie in a folder that stays. SIGINT and SIGTERM end it and everything it started. docs/operations.md says how it is used.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { freePort, onEnd, ready } from "./lib/listen.mjs";
import { ensurePackages } from "./lib/packages.mjs";
import { Failure, main, root, say } from "./lib/run.mjs";
import { localSecrets, longEnough } from "./lib/secrets.mjs";
import { build } from "./lib/steps.mjs";
import { startWorker } from "./lib/workerd.mjs";
import { VARIABLES, rateLimits, setting } from "./lib/wrangler.mjs";

const state = resolve(root, process.env.SCIM_EDGE_STATE || ".scim-edge");
const pidFile = join(state, "serve.pid");

let worker;
let claimed = false;
let stopping = false;
onEnd(stop);

await main(async () => {
  const port = await freePort("npm run serve");
  await ensurePackages();
  if (!process.env.SCIM_EDGE_BUILD) await build();
  const vars = settings();
  claim();
  worker = await startWorker(
    { build: resolve(root, process.env.SCIM_EDGE_BUILD || "build"), persist: state, port, vars, limits: rateLimits() },
    (text) => process.stdout.write(text),
  );
  // It restarts workerd itself; without it, whatever supervises this process starts all of it again.
  worker.exited.then(() => end("Miniflare ended by itself"));
  await ready(worker.url);
  show(worker.url);
}).finally(async () => {
  if (process.exitCode !== 1) return;
  await worker?.kill();
  release();
  process.exit(1);
});

/** Returns the Worker's variables: those of the environment, else of .dev.vars, else of wrangler.toml. */
function settings() {
  const given = process.env.CONSOLE_KEY;
  if (given) longEnough(given, "the environment");
  const secrets = given ? {} : localSecrets();
  const names = [...VARIABLES, "CONSOLE_KEY", "CONSOLE_KEY_NEXT"];
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? secrets[name] ?? setting(name)]));
}

/** Takes the folder for this process: two over one folder would each take themselves for the only writer. */
function claim() {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const other = Number(readOr(pidFile, ""));
  if (other > 0 && other !== process.pid && isServing(other)) {
    throw new Failure(`Process ${other} already serves ${state}: stop it, or choose another folder with SCIM_EDGE_STATE`);
  }
  writeFileSync(pidFile, String(process.pid));
  claimed = true;
}

function release() {
  if (claimed) rmSync(pidFile, { force: true });
}

/** True if that process is one of this script. Where there is no /proc, any process of that number counts. */
function isServing(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
  return readOr("/proc/self/cmdline", "") === "" || readOr(`/proc/${pid}/cmdline`, "").includes("serve.mjs");
}

function readOr(path, other) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return other;
  }
}

function end(why) {
  if (stopping) return;
  stopping = true;
  console.error(`[scim-edge] ${why}`);
  release();
  worker.kill().then(() => process.exit(1));
}

async function stop() {
  if (stopping) return;
  stopping = true;
  say("Stopping");
  await worker?.stop();
  release();
  process.exit(0);
}

function show(origin) {
  const key = process.env.CONSOLE_KEY ? "CONSOLE_KEY of the environment" : "CONSOLE_KEY in .dev.vars";
  const read = process.env.CONSOLE_KEY ? "" : `\nexport CONSOLE_KEY=$(sed -n 's/^CONSOLE_KEY="\\(.*\\)"/\\1/p' ${relative(process.cwd(), join(root, ".dev.vars"))})`;
  console.log(`
Serving. SIGINT (Ctrl-C) or SIGTERM stops it; what it stored stays.

  SCIM base URL   ${origin}/ORG/scim/v2
  Console's API   ${origin}/v1
  Root key        ${key}
  Data            ${state}

An organisation and its first token:
${read}
curl -X PUT ${origin}/v1/orgs/acme -H "Authorization: Bearer $CONSOLE_KEY" -H 'Content-Type: application/json' -d '{"displayName": "Acme", "saml": {"configured": true}, "scim": {"enabled": true}}'
curl -X POST ${origin}/v1/orgs/acme/tokens -H "Authorization: Bearer $CONSOLE_KEY" -H 'Content-Type: application/json' -d '{"name": "Okta", "kind": "scim", "dialect": "okta"}'
`);
}
