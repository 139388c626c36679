// `npm run serve` as it is run: a process with a port and a folder, stopped by signals and started over the same folder.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { root } from "../../scripts/lib/run.mjs";
import { consoleCall, group, organisation, scimCall, user } from "./client.mjs";

const START_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), "scim-edge-serve-"));
const state = join(folder, "state");
const consoleKey = randomBytes(32).toString("hex");
const started = [];
after(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const freePort = () =>
  new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

/** Starts the script; `ended` is its exit status or signal, `output()` what it wrote. */
function run(port) {
  const build = process.env.SCIM_EDGE_BUILD ?? "build-test";
  const env = { ...process.env, PORT: String(port), SCIM_EDGE_STATE: state, SCIM_EDGE_BUILD: build, CONSOLE_KEY: consoleKey };
  const child = spawn(process.execPath, [join(root, "scripts/serve.mjs")], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const ended = new Promise((done) => child.once("exit", (code, signal) => done(signal ?? code)));
  return { child, ended, url: `http://127.0.0.1:${port}`, consoleKey, output: () => output };
}

async function serving(port) {
  const server = run(port);
  for (const until = Date.now() + START_MS; Date.now() < until; await sleep(50)) {
    if (server.output().includes("Serving.")) return server;
    assert.equal(server.child.exitCode, null, server.output());
  }
  assert.fail(server.output());
}

/** Stops it by that signal; its port is closed and no process is left. */
async function stopped(server, signal) {
  const workers = descendants(server.child.pid);
  assert.ok(workers.length >= 2, `${workers}`);
  server.child.kill(signal);
  assert.equal(await server.ended, 0, server.output());
  await assert.rejects(fetch(`${server.url}/healthz`));
  for (let looks = 0; workers.some(isAlive) && looks < 200; looks += 1) await sleep(10);
  assert.deepEqual(workers.filter(isAlive), []);
}

/** The parts of /proc/PID/stat after the name: state, parent. */
function stat(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
  } catch {
    return ["Z"];
  }
}

const isAlive = (pid) => stat(pid)[0] !== "Z";

function descendants(of) {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => [Number(pid), Number(stat(pid)[1])]);
  const below = (parent) => all.filter(([, own]) => own === parent).flatMap(([pid]) => [pid, ...below(pid)]);
  return below(of);
}

async function imported(server, org, lines) {
  assert.equal((await consoleCall(server, "PUT", `/v1/orgs/${org}`, { displayName: org })).status, 201);
  const call = (method, path, body) => consoleCall(server, method, `/v1/orgs/${org}/import${path}`, body);
  assert.equal((await call("POST", "")).status, 200);
  assert.equal((await call("PUT", "/1", lines.map((line) => `${JSON.stringify(line)}\n`).join(""))).status, 200);
  assert.equal((await call("POST", "/finish")).status, 202);
  for (let looks = 0; looks < 2000; looks += 1, await sleep(10)) {
    const { body } = await call("GET", "");
    if (!["checking", "writing"].includes(body.state)) return body.state;
  }
  return "late";
}

test("what is pushed and imported is there after a stop and a start", async () => {
  const port = await freePort();
  const first = await serving(port);
  assert.ok(!first.output().includes(consoleKey), "the root key is in no log");
  const acme = await organisation(first, "acme");
  const ada = (await acme.scim("POST", "/Users", user("ada"))).body.id;
  const crew = await acme.scim("POST", "/Groups", group("crew", [ada]));
  assert.equal(crew.status, 201);
  const people = Array.from({ length: 2000 }, (_, n) => ({ user: { id: `u${String(n).padStart(4, "0")}`, attributes: { userName: `user${n}` } } }));
  const counts = { users: 2000, activeUsers: 2000, groups: 0, memberships: 0, tombstones: 0 };
  assert.equal(await imported(first, "brought", [{ from: 0 }, ...people, { at: 0, counts, lines: 2001 }]), "done");

  // A second one over the same folder would be a second writer.
  const other = run(await freePort());
  assert.equal(await other.ended, 1);
  assert.match(other.output(), new RegExp(`Process ${first.child.pid} already serves`));
  await stopped(first, "SIGTERM");
  assert.ok(!existsSync(join(state, "serve.pid")));

  const second = await serving(port);
  const found = await scimCall(acme.base, acme.token, "GET", `/Users/${ada}`);
  assert.deepEqual([found.status, found.body.userName, found.body.groups[0].value], [200, "ada", crew.body.id]);
  const { counts: kept } = (await consoleCall(second, "GET", "/v1/orgs/brought")).body;
  assert.deepEqual(kept, { users: 2000, activeUsers: 2000, groups: 0, memberships: 0 });

  // After a crash of workerd it goes on by itself, with what was answered before.
  const last = (await acme.scim("POST", "/Users", user("grace"))).body.id;
  const workerd = () => descendants(second.child.pid).filter((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd"));
  const [killed] = workerd();
  process.kill(killed, "SIGKILL");
  let again = null;
  for (let looks = 0; again?.status !== 200 && looks < 200; looks += 1, await sleep(50)) {
    again = await scimCall(acme.base, acme.token, "GET", `/Users/${last}`).catch(() => null);
  }
  assert.equal(again?.body.userName, "grace");
  assert.ok(!workerd().includes(killed));
  await stopped(second, "SIGINT");
});
