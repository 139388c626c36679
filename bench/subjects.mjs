// The servers that are measured: how each is started, on 127.0.0.1, and ended by its own process group.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { node22 } from "../scripts/lib/packages.mjs";
import { Failure, root } from "../scripts/lib/run.mjs";
import { startWorker } from "../scripts/lib/workerd.mjs";
import { organisation } from "../tests/worker/client.mjs";

const START_MS = 60_000;
const here = join(root, "bench");
/** A file system in memory, where there is one, and one on disk. */
export const FOLDERS = { memory: "/dev/shm", disk: tmpdir() };

export const venv = join(root, ".tools/bench-venv");
export const rustTarget = join(root, "target/bench-peers");

const children = new Set();
process.on("exit", () => children.forEach((child) => signalGroup(child, "SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}

export const scratch = (storage) => mkdtempSync(join(FOLDERS[storage], "scim-edge-bench-"));

/** Starts a Worker under Miniflare; `prepare` makes the organisation that is asked. */
async function worker(build, storage, vars, prepare) {
  const persist = scratch(storage);
  const server = await startWorker({ build, persist, vars, limits: {} });
  const stop = async () => {
    await server.stop();
    rmSync(persist, { recursive: true, force: true });
  };
  try {
    return { group: server.pid, stop, ...(await prepare(server.url)) };
  } catch (error) {
    await stop();
    throw error;
  }
}

export const floor = (storage) => ({
  name: `floor, ${storage}`,
  kind: "floor",
  storage,
  start: () => worker(join(here, "floor"), storage, {}, (url) => ({ base: url, headers: {} })),
});

export const edgeVars = (key) => ({ WORKER_NAME: "scim-edge", OBJECT_SECONDS: "", CONSOLE_KEY: key });

/** Registers the organisation and mints the token that the load uses. */
export async function prepareEdge(url, key) {
  const org = await organisation({ url, consoleKey: key }, "bench", { name: "bench", kind: "scim", dialect: "auto" });
  return { base: org.base, headers: { Authorization: `Bearer ${org.token}` }, key };
}

/** scim-edge itself; `build` is the release, or the test build whose answers count rows. */
export const edge = (storage, build = "build") => ({
  name: `scim-edge, ${storage}`,
  kind: "edge",
  storage,
  start: () => {
    const key = randomBytes(32).toString("hex");
    return worker(join(root, build), storage, edgeVars(key), (url) => prepareEdge(url, key));
  },
});

const freePort = () =>
  new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

/**
 * Starts a peer in a process group of its own. `ready(line)` returns path and token from a line that it writes, or nothing;
 * without it the port is asked until it answers.
 */
async function launch(command, args, { ready, path, token, env = {} }, port) {
  const child = spawn(command, args, { cwd: here, detached: true, env: { ...process.env, DO_NOT_TRACK: "1", ...env }, stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  let log = "";
  const ended = new Promise((done) => child.once("exit", done));
  child.on("error", (error) => (log += error.message));
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (log = (log + text).slice(-20_000)));
  const stop = async () => {
    signalGroup(child, "SIGTERM");
    const hard = setTimeout(() => signalGroup(child, "SIGKILL"), 3000);
    await ended;
    clearTimeout(hard);
    children.delete(child);
  };
  const origin = `http://127.0.0.1:${port}`;
  for (const until = Date.now() + START_MS; Date.now() < until; await new Promise((done) => setTimeout(done, 100))) {
    if (child.exitCode !== null || child.pid === undefined) break;
    const told = ready ? log.match(/^ready (\S+) (\S+)$/m) : (await fetch(origin + path).catch(() => null)) && [null, path, token];
    if (told) return { base: origin + told[1], headers: { Authorization: `Bearer ${told[2]}` }, group: child.pid, stop };
  }
  if (child.pid !== undefined) await stop();
  throw new Failure(`it did not start: ${log.slice(-400).trim()}`);
}

/** The peers, each with where its packages are; without them it is listed with the reason. */
export const peers = () => {
  const token = randomBytes(16).toString("hex");
  const script = (name, ...more) => async () => {
    const port = await freePort();
    return launch(node22, [join(here, "peers", `${name}.mjs`), String(port), token, ...more], { ready: true }, port);
  };
  const sqlite = () => {
    const folder = scratch("disk");
    return script("jackson", join(folder, "jackson.sqlite"))().then((server) => {
      const stop = async () => {
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      };
      return { ...server, stop };
    });
  };
  const python = async () => {
    const program = join(venv, "bin/scim2-server");
    if (!existsSync(program)) throw new Failure("scim2-server could not be installed: Python 3.11 with venv is needed");
    const port = await freePort();
    return launch(program, ["--port", String(port), "--bearer-token", token], { path: "", token }, port);
  };
  const rust = async () => {
    const program = join(rustTarget, "release/scim-server-peer");
    if (!existsSync(program)) throw new Failure("the scim-server crate was not built: cargo is needed");
    const port = await freePort();
    return launch(program, [String(port), token], { ready: true }, port);
  };
  return [
    { name: "scimmy-routers", kind: "peer", storage: "memory", start: script("scimmy") },
    { name: "scim2-server", kind: "peer", storage: "memory", start: python },
    { name: "scim-server crate", kind: "peer", storage: "memory", start: rust },
    { name: "Jackson, memory", kind: "peer", storage: "memory", start: script("jackson") },
    { name: "Jackson, SQLite", kind: "peer", storage: "disk", start: sqlite },
  ];
};

/** Peers that cannot be measured, each with the reason. */
export const MISSING = [["scimgateway", "the npm registry has no package of that name (404): its documentation clones a repository"]];
