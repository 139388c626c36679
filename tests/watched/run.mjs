// `npm run test:long -- watched`: imports while a client watches, of the release build under Miniflare. Each is asked
// where it stands every 20 ms to 1 s until it is done; none may stand still. WATCHED_IMPORTS and WATCHED_USERS set how
// many. On a quiet machine: the alarm that was lost came in the very millisecond in which it was set.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { consoleCall } from "../worker/client.mjs";
import { start } from "../worker/harness.mjs";

const IMPORTS = Number(process.env.WATCHED_IMPORTS ?? 100);
const USERS = Number(process.env.WATCHED_USERS ?? 3000);
const PAUSES = [20, 50, 100, 200, 500, 1000];
const STUCK_MS = 30_000;

const server = await start();
const ask = (org, method, path = "", body) => consoleCall(server, method, `/v1/orgs/${org}${path}`, body);

function lines() {
  const all = [{ from: 0 }];
  const id = (n) => `u-${String(n).padStart(6, "0")}`;
  for (let n = 0; n < USERS; n += 1) all.push({ user: { id: id(n), attributes: { userName: `user${n}` } } });
  for (let n = 0; n < USERS; n += 100) {
    all.push({ group: { id: `g-${n}`, attributes: { displayName: `group ${n}` } } });
    const members = Array.from({ length: Math.min(100, USERS - n) }, (_, of) => id(n + of));
    all.push({ members: { id: `g-${n}`, users: members } });
  }
  const counts = { users: USERS, activeUsers: USERS, groups: Math.ceil(USERS / 100), memberships: USERS, tombstones: 0 };
  return [...all, { at: 0, counts, lines: all.length }].map((line) => `${JSON.stringify(line)}\n`).join("");
}

const took = [];
const stuck = [];
const body = lines();
for (let n = 0; n < IMPORTS; n += 1) {
  const [org, pause] = [`watched${n}`, PAUSES[n % PAUSES.length]];
  assert.equal((await ask(org, "PUT", "", { displayName: org })).status, 201);
  assert.equal((await ask(org, "POST", "/import")).status, 200);
  assert.equal((await ask(org, "PUT", "/import/1", body)).status, 200);
  assert.equal((await ask(org, "POST", "/import/finish")).status, 202);
  const began = performance.now();
  let [last, moved, now] = ["", began, null];
  do {
    await sleep(pause);
    now = (await ask(org, "GET", "/import")).body;
    assert.notEqual(now.state, "failed", JSON.stringify(now));
    const at = `${now.state} ${now.position}`;
    if (at !== last) [last, moved] = [at, performance.now()];
  } while (now.state !== "done" && performance.now() - moved < STUCK_MS);
  if (now.state === "done") took.push(performance.now() - began);
  else stuck.push(`${org}, asked every ${pause} ms: ${last}`);
}
await server.stop();
const sorted = took.toSorted((a, b) => a - b);
const at = (share) => `${((sorted[Math.floor((sorted.length - 1) * share)] ?? 0) / 1000).toFixed(2)} s`;
console.log(`${took.length} of ${IMPORTS} imports of ${USERS} users done: p50 ${at(0.5)}, slowest ${at(1)}; ${stuck.length} stuck`);
for (const one of stuck) console.log(one);
process.exitCode = stuck.length > 0 || took.length !== IMPORTS ? 1 : 0;
