// Jobs in workerd: a step that uses up all memory ends the whole instance, and after three of them its job is set aside; a
// process that is killed in the middle of steps goes on.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { consoleCall, organisation, user } from "./client.mjs";
import { start } from "./harness.mjs";

const persist = mkdtempSync(join(tmpdir(), "scim-edge-jobs-"));
let server;
before(async () => (server = await start({ persist })));
after(async () => {
  await server.stop();
  rmSync(persist, { recursive: true, force: true });
});

const call = (org, method, path = "", body, headers) =>
  consoleCall(server, method, `/v1/orgs/${org}/import${path}`, body, headers);
const state = async (org) => (await call(org, "GET")).body;

/** Sends an import of so many users, up to its last call. */
async function sent(org, users) {
  assert.equal((await call(org, "POST")).status, 200);
  const all = [{ from: 0 }];
  for (let n = 0; n < users; n += 1) all.push({ user: { id: `u-${n}`, attributes: { userName: `user${n}` } } });
  const counts = { users, activeUsers: users, groups: 0, memberships: 0, tombstones: 0 };
  all.push({ at: 0, counts, lines: all.length });
  const body = all.map((line) => `${JSON.stringify(line)}\n`).join("");
  assert.equal((await call(org, "PUT", "/1", body)).status, 200);
}

async function until(what, ready, tries = 1000) {
  for (let n = 0; n < tries; n += 1) {
    const found = await ready();
    if (found) return found;
    await sleep(20);
  }
  return assert.fail(`${what}: it does not come\n${server.log().slice(-2000)}`);
}

test("a step that uses up all memory is set aside after three attempts, and the rest goes on", async () => {
  const acme = await organisation(server, "exhausts");
  const other = await organisation(server, "other");
  await sent("exhausts", 10);
  const attempts = () => [...server.log().matchAll(/memory is used up at attempt (\d+) at a step of import/g)].map(([, n]) => Number(n));
  const asked = await call("exhausts", "POST", "/finish", undefined, { "X-Test-Panic": "exhaust" });
  assert.equal(asked.status, 202, JSON.stringify(asked.body));
  // An instance that is gone forgets what was asked of it, so each call asks anew, until the third attempt was seen: a step
  // that no call came before is taken, and the next one is met. A call that takes the work of a late alarm may end with it.
  const failed = await until("set aside", async () => {
    const url = `${server.url}/v1/orgs/exhausts/import`;
    const headers = { Authorization: `Bearer ${server.consoleKey}` };
    if (!attempts().includes(3)) headers["X-Test-Panic"] = "exhaust";
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(2000) }).catch(() => null);
    const now = answer?.ok ? await answer.json() : {};
    return now.state === "failed" && now;
  }, 3000);
  // Three attempts at that step, one after the other, and never a fourth.
  const made = attempts();
  assert.deepEqual(made.slice(made.indexOf(3) - 2).slice(0, 3), [1, 2, 3], made.join());
  assert.equal(made.filter((attempt) => attempt >= 3).length, 1, made.join());
  assert.equal((await other.scim("GET", "/Users?count=1")).status, 200);
  assert.match(failed.error, /^The import was set aside while members, tombstones and changes are checked: 3 attempts at a step ended before they were done: out of memory/);
  const { entries } = (await consoleCall(server, "GET", "/v1/orgs/exhausts/journal?outcome=warning")).body;
  assert.match(entries[0].detail, /^The job "import" was set aside/);
  // The directory is what it was, and the next import is done.
  assert.equal((await acme.scim("POST", "/Users", user("ada"))).status, 201);
  assert.equal((await consoleCall(server, "PUT", "/v1/orgs/exhausts", { scim: { enabled: false } })).status, 200);
  await sent("exhausts", 10);
  assert.equal((await call("exhausts", "POST", "/finish")).status, 202);
  assert.equal((await until("done", async () => {
    const now = await state("exhausts");
    return !["checking", "writing"].includes(now.state) && now;
  })).state, "done");
});

test("a process that is killed in the middle of steps, again and again, ends its import", async () => {
  await organisation(server, "killed");
  await sent("killed", 12_000);
  assert.equal((await call("killed", "POST", "/finish")).status, 202);
  for (let kills = 0; kills < 4; kills += 1) {
    await sleep(40 + 30 * kills);
    await server.kill();
    server = await start({ persist });
    assert.notEqual((await state("killed")).state, "failed");
  }
  const done = await until("done", async () => {
    const now = await state("killed");
    return !["checking", "writing"].includes(now.state) && now;
  });
  assert.deepEqual([done.state, done.error], ["done", null]);
  const { counts, lastSeq } = (await consoleCall(server, "GET", "/v1/orgs/killed")).body;
  assert.deepEqual([counts.users, lastSeq], [12_000, 1]);
});
