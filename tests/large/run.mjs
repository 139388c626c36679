// `npm run test:long -- large`: a large directory in workerd. It is filled, shown as a snapshot, imported into another
// organisation and shown again, while other requests are answered; the two snapshots must be equal, the wasm memory and
// the longest time that an object computed without a pause within bounds. LARGE_USERS sets how many users there are.
import assert from "node:assert/strict";
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { finished, pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { consoleCall, organisation, scimCall, user } from "../worker/client.mjs";
import { start } from "../worker/harness.mjs";

const USERS = Number(process.env.LARGE_USERS ?? 200_000);
const GROUPS = USERS / 100;
const CREW = 20;
const CROWD = USERS / 2;
const MEMORY_MAX = 48 * 1024 * 1024;
const STEP_MAX = 100;
const PART_BYTES = 7 * 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), "scim-edge-large-"));
let server = await start({ persist: join(folder, "state") });
const failures = [];

/** The figures since the last report: wasm memory, the longest step, and how long the other requests took. */
async function report(what, seconds, took, bounded = true) {
  const isolate = (await fetch(`${server.url}/healthz`)).headers.get("x-test-isolate");
  const [bytes, longest] = isolate.split(",").map(Number);
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share) => `${(sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0)} ms`;
  const others = took.length > 0 ? `, ${took.length} others: p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(1)}` : "";
  const memory = `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  console.log(`${what.padEnd(28)} ${seconds.toFixed(1).padStart(6)} s, ${memory}, longest step ${longest} ms${others}`);
  if (!bounded) return;
  if (bytes > MEMORY_MAX) failures.push(`${what}: ${memory} of wasm memory`);
  if (longest > STEP_MAX) failures.push(`${what}: a step of ${longest} ms`);
  if (took.length === 0) failures.push(`${what}: no other request was answered meanwhile`);
}

/** Does something while another client asks for one thing after the other. */
async function measured(what, body, other) {
  await fetch(`${server.url}/healthz`);
  const [took, began] = [[], Date.now()];
  let going = true;
  const beside = (async () => {
    while (going) {
      const asked = performance.now();
      await other();
      took.push(performance.now() - asked);
      await sleep(10);
    }
  })();
  const value = await body();
  going = false;
  await beside;
  await report(what, (Date.now() - began) / 1000, took);
  return value;
}

async function bulk(acme, count, make) {
  const ids = [];
  for (let from = 0; from < count; from += 1000) {
    const Operations = Array.from({ length: Math.min(1000, count - from) }, (_, n) => make(from + n));
    const { status, body } = await acme.scim("POST", "/Bulk", { Operations });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
    for (const done of body.Operations) {
      assert.equal(done.status, "201", JSON.stringify(done));
      ids.push(done.location.split("/").at(-1));
    }
  }
  return ids;
}

async function fill(acme) {
  const person = (n) => ({
    ...user(`person${n}`),
    name: { givenName: `Given ${n}`, familyName: `Family ${n}`, formatted: `Given ${n} Family ${n}` },
    displayName: `Given ${n} Family ${n}`, title: "Engineer", preferredLanguage: "en-GB",
    phoneNumbers: [{ type: "work", value: `+1 555 ${n}` }],
    addresses: [{ type: "work", streetAddress: `${n} Main Street`, locality: "Springfield", country: "US" }],
  });
  const users = await bulk(acme, USERS, (n) => ({ method: "POST", path: "/Users", bulkId: `u${n}`, data: person(n) }));
  await bulk(acme, GROUPS, (n) => {
    const members = Array.from({ length: CREW }, (_, m) => ({ value: users[(n * 97 + m * 31) % USERS] }));
    return { method: "POST", path: "/Groups", bulkId: `g${n}`, data: { displayName: `Group ${n}`, members } };
  });
  const members = users.slice(0, CROWD).map((value) => ({ value }));
  assert.equal((await acme.scim("POST", "/Groups", { displayName: "Everybody", members })).status, 201);
  for (const id of users.slice(-100)) assert.equal((await acme.scim("DELETE", `/Users/${id}`)).status, 204);
  return users;
}

/** Writes a snapshot into a file. */
async function snapshot(org, path) {
  const headers = { Authorization: `Bearer ${server.consoleKey}` };
  const response = await fetch(`${server.url}/v1/orgs/${org}/snapshot`, { headers });
  assert.equal(response.status, 200);
  await pipeline(response.body, createWriteStream(path));
}

/** Imports a snapshot into an organisation that is empty. */
async function bring(org, path) {
  const send = async (method, below, body) => {
    const headers = { Authorization: `Bearer ${server.consoleKey}`, "Content-Type": "application/x-ndjson" };
    const answer = await fetch(`${server.url}/v1/orgs/${org}/import${below}`, { method, headers, body });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${below}: ${text}`);
    return JSON.parse(text);
  };
  await send("POST", "");
  let [part, number, bytes] = [[], 1, 0];
  for await (const line of lines(path)) {
    if (bytes + line.length > PART_BYTES) {
      await send("PUT", `/${number}`, part.join(""));
      [part, number, bytes] = [[], number + 1, 0];
    }
    part.push(`${line}\n`);
    bytes += Buffer.byteLength(line) + 1;
  }
  await send("PUT", `/${number}`, part.join(""));
  let now = await send("POST", "/finish");
  while (now.state !== "done") {
    assert.notEqual(now.state, "failed", JSON.stringify(now));
    await sleep(100);
    now = await send("GET", "");
  }
}

const lines = (path) => createInterface({ input: createReadStream(path), crlfDelay: Infinity });

/** The last line, which stands for the whole. */
async function last(path) {
  let end;
  for await (const line of lines(path)) end = line;
  return JSON.parse(end);
}

/** Both have the same lines but for the positions. */
async function equal(one, other) {
  const others = lines(other)[Symbol.asyncIterator]();
  let number = 0;
  for await (const line of lines(one)) {
    const { value } = await others.next();
    number += 1;
    if (line === value) continue;
    const [a, b] = [line, value].map((text) => JSON.parse(text ?? "null"));
    for (const name of ["from", "at"]) if (a[name] !== undefined && b?.[name] !== undefined) a[name] = b[name];
    assert.deepEqual(a, b, `line ${number}`);
  }
  assert.equal((await others.next()).done, true);
  return number;
}

let acme = await organisation(server, "acme");
const filled = Date.now();
const users = await fill(acme);
await report("filled by Bulk", (Date.now() - filled) / 1000, [], false);
// The memory never shrinks, so what follows is measured in a new isolate.
await server.stop();
server = await start({ persist: join(folder, "state") });
const scim = (method, path, body) => scimCall(`${server.url}/acme/scim/v2`, acme.token, method, path, body);
let turn = 0;
async function read() {
  const answer = await scim("GET", `/Users/${users[(turn += 7919) % CROWD]}`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}
async function write() {
  const value = { active: (turn += 7919) % 2 === 0, title: `T${turn}` };
  const answer = await scim("PATCH", `/Users/${users[turn % CROWD]}`, { Operations: [{ op: "replace", value }] });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

const [busy, quiet, again] = ["busy", "quiet", "again"].map((name) => join(folder, name));
await measured("snapshot, others write", () => snapshot("acme", busy), write);
assert.ok((await last(busy)).at > users.length);
await measured("snapshot, others read", () => snapshot("acme", quiet), read);
const { counts, lines: count } = await last(quiet);
console.log(`${count} lines: ${JSON.stringify(counts)}`);
assert.deepEqual([counts.users, counts.groups, counts.tombstones], [USERS - 100, GROUPS + 1, 100]);
assert.equal((await consoleCall(server, "PUT", "/v1/orgs/other", { displayName: "Other" })).status, 201);
await measured("import", () => bring("other", quiet), read);
await measured("snapshot of what came", () => snapshot("other", again), read);
console.log(`${await equal(quiet, again)} lines are the same`);

await server.stop();
rmSync(folder, { recursive: true, force: true });
for (const failure of failures) console.error(failure);
process.exit(failures.length === 0 ? 0 : 1);
