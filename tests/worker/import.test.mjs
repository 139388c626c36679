// An import over HTTP: parts sent as bodies, a job that the alarm drives, through a killed process too.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { consoleCall, group, organisation, patch, user } from "./client.mjs";
import { start } from "./harness.mjs";
import { runRust } from "./rust.mjs";

const persist = mkdtempSync(join(tmpdir(), "scim-edge-"));
let server;
before(async () => (server = await start({ persist })));
after(async () => {
  await server.stop();
  rmSync(persist, { recursive: true, force: true });
});

const put = (org, part, lines) =>
  consoleCall(server, "PUT", `/v1/orgs/${org}/import/${part}`, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
const call = (org, method, path = "", body) => consoleCall(server, method, `/v1/orgs/${org}/import${path}`, body);

async function off(org) {
  const made = await organisation(server, org);
  const put = await consoleCall(server, "PUT", `/v1/orgs/${org}`, { scim: { enabled: false } });
  assert.equal(put.status, 200);
  return made;
}

/** Waits for the job's end; `meanwhile` is called between two looks. */
async function ended(org, meanwhile = async () => {}) {
  for (let looks = 0; looks < 3000; looks += 1) {
    const { status, body } = await call(org, "GET");
    assert.equal(status, 200);
    if (!["checking", "writing"].includes(body.state)) return body;
    await meanwhile(body.state);
    await sleep(5);
  }
  assert.fail("the job does not end");
}

async function snapshot(org) {
  const headers = { Authorization: `Bearer ${server.consoleKey}` };
  const text = await (await fetch(`${server.url}/v1/orgs/${org}/snapshot`, { headers })).text();
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** A directory of so many users, each with a title of `wide` letters, in groups of 100. */
function lines(users, wide = 10) {
  const all = [{ from: 0 }];
  const id = (n) => `u-${String(n).padStart(6, "0")}`;
  for (let n = 0; n < users; n += 1) {
    all.push({ user: { id: id(n), attributes: { userName: `user${n}`, title: "t".repeat(wide) } } });
  }
  for (let n = 0; n < users; n += 100) {
    all.push({ group: { id: `g-${n}`, attributes: { displayName: `group ${n}` } } });
    const members = Array.from({ length: Math.min(100, users - n) }, (_, of) => id(n + of));
    all.push({ members: { id: `g-${n}`, users: members } });
  }
  const groups = Math.ceil(users / 100);
  const counts = { users, activeUsers: users, groups, memberships: users, tombstones: 0 };
  return [...all, { at: 0, counts, lines: all.length }];
}

test("a snapshot is imported into another organisation", async () => {
  const from = await organisation(server, "from");
  const ids = [];
  for (let n = 0; n < 30; n += 1) ids.push((await from.scim("POST", "/Users", user(`u${n}`))).body.id);
  await from.scim("POST", "/Groups", group("red", ids.slice(0, 20)));
  await from.scim("PATCH", `/Users/${ids[3]}`, patch({ op: "replace", path: "active", value: false }));
  await from.scim("DELETE", `/Users/${ids[4]}`);
  const taken = await snapshot("from");
  const into = await off("into");
  assert.equal((await call("into", "POST")).status, 200);
  assert.deepEqual((await put("into", 1, taken.slice(0, 10))).body, { part: 1, lines: 10, complete: true });
  assert.equal((await put("into", 2, taken.slice(10))).status, 200);
  assert.deepEqual((await call("into", "GET")).body, {
    state: "receiving",
    parts: [
      { part: 1, lines: 10, complete: true },
      { part: 2, lines: taken.length - 10, complete: true },
    ],
    position: null,
    error: null,
    notes: [],
    seq: null,
  });
  assert.equal((await call("into", "POST", "/finish")).status, 202);
  const done = await ended("into");
  assert.deepEqual(done, { state: "done", parts: [], position: null, error: null, notes: [], seq: 1 });
  const again = await snapshot("into");
  assert.deepEqual(again.slice(1, -1), taken.slice(1, -1));
  assert.deepEqual(again.at(-1).counts, taken.at(-1).counts);
  const { changes } = (await into.console("/changes")).body;
  assert.deepEqual(changes.map(({ kind, id }) => ({ kind, id })), [{ kind: "imported", id: "into" }]);
});

test("wrong bodies are refused by part, line and field", async () => {
  await off("wrong");
  await call("wrong", "POST");
  const send = (body) => consoleCall(server, "PUT", "/v1/orgs/wrong/import/7", body);
  const user = (n) => JSON.stringify({ user: { id: `large${n}`, attributes: { userName: `large${n}`, title: "t".repeat(1000) } } });
  const large = Array.from({ length: 9000 }, (_, n) => user(n)).join("\n");
  const good = `${JSON.stringify({ user: { id: "a", attributes: { userName: "ann" } } })}\n`;
  for (const [body, status, says] of [
    [`${good}{"user":{"id":"b","attri`, 400, /Part 7, line 2/],
    [`${good}${JSON.stringify({ user: { id: "b", attributes: { userName: "bob" }, mail: 1 } })}`, 400, /line 2: .*"mail"/],
    [good.repeat(2), 400, /line 2: The id a is in part 7, line 1/],
    [`${JSON.stringify({ user: { id: "a", attributes: { userName: "ann", title: "t".repeat(300_000) } } })}\n`, 413, /line 1: .*262144/],
    // The first fault is told: an empty line here, the size where every line is right.
    ["\n".repeat(9_000_000), 400, /Part 7, line 1/],
    [large, 413, /Part 7 is larger than 8388608 bytes/],
  ]) {
    const answer = await send(body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.detail, says);
  }
  // A wrong line after several pieces is found too, and the part is not complete.
  const many = lines(4000).slice(1, 4001).map((line) => JSON.stringify(line));
  const late = await send([...many, "{"].join("\n"));
  assert.equal(late.status, 400);
  assert.match(late.body.detail, /Part 7, line 4001/);
  assert.equal((await call("wrong", "GET")).body.parts[0].complete, false);
  assert.equal((await call("wrong", "PUT", "/0", good)).status, 404);
  assert.equal((await call("wrong", "DELETE")).status, 204);
  assert.equal((await call("wrong", "GET")).status, 404);
});

test("others are answered meanwhile, SCIM is not, and a killed process goes on", async () => {
  const acme = await organisation(server, "large");
  const wanted = lines(20_000, 100);
  await call("large", "POST");
  for (let part = 1, at = 0; at < wanted.length; part += 1, at += 5000) {
    const sent = await put("large", part, wanted.slice(at, at + 5000));
    assert.equal(sent.status, 200, JSON.stringify(sent.body));
  }
  assert.equal((await call("large", "POST", "/finish")).status, 202);
  // It goes on by itself, and takes nothing more.
  for (const [method, path, body] of [["POST", ""], ["POST", "/finish"], ["PUT", "/1", "{}"]]) {
    const late = await call("large", method, path, body);
    assert.equal(late.status, 409, JSON.stringify(late.body));
  }
  const seen = new Set();
  const refused = await (async () => {
    for (;;) {
      const { state } = (await call("large", "GET")).body;
      seen.add(state);
      assert.notEqual(state, "failed");
      if (state !== "writing") continue;
      assert.equal((await call("large", "DELETE")).status, 409);
      return acme.scim("GET", "/Users?count=1");
    }
  })();
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  await server.kill();
  server = await start({ persist });
  const base = `${server.url}/large/scim/v2`;
  const later = await consoleCall(server, "GET", "/v1/orgs/large");
  assert.equal(later.status, 200);
  const done = await ended("large", async (state) => seen.add(state));
  assert.equal(done.state, "done", JSON.stringify(done));
  const { counts, lastSeq } = (await consoleCall(server, "GET", "/v1/orgs/large")).body;
  assert.deepEqual(counts, { users: 20_000, activeUsers: 20_000, groups: 200, memberships: 20_000 });
  assert.equal(lastSeq, 1);
  const found = await fetch(`${base}/Users?filter=userName+eq+%22user19999%22`, {
    headers: { Authorization: `Bearer ${acme.token}` },
  });
  assert.equal((await found.json()).Resources[0].id, "u-019999");
  assert.ok(seen.has("checking") || seen.has("writing"));
});

test("accounts that were there before are found and linked", async () => {
  const org = await organisation(server, "accounts", { name: "test", kind: "scim", dialect: "okta" });
  await runRust(server, "session_with_accounts_over_http", org, { SCIM_EDGE_SESSION: "okta-oin-patch" });
});

test("a line that is too long is refused before it is held whole", async () => {
  await off("long");
  await call("long", "POST");
  const answer = await consoleCall(server, "PUT", "/v1/orgs/long/import/1", `{"from":0}\n${"x".repeat(3_000_000)}`);
  assert.equal(answer.status, 413);
  assert.equal(answer.body.detail, "Part 1, line 2 has more than 1 MiB. [import-line-too-large]");
  assert.deepEqual((await call("long", "POST", "/finish")).body.status, 409);
});

test("what a step costs", async () => {
  await off("rows");
  await call("rows", "POST");
  const wanted = lines(300);
  const sent = await put("rows", 1, wanted);
  // A user or group is a row, an entry for its id and one for its name; a line that is kept is one row, and so is the part.
  assert.deepEqual([sent.status, sent.written], [200, 3 * 303 + 5 + 1]);
  assert.equal((await call("rows", "POST", "/finish")).status, 202);
  assert.equal((await ended("rows")).state, "done");
});
