// A snapshot over HTTP: streamed while others write, cut off by a client that leaves, and ended with its token.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { consoleCall, group, organisation, user } from "./client.mjs";
import { start } from "./harness.mjs";

let server;
before(async () => (server = await start()));
after(() => server.stop());

function open(org, key = server.consoleKey, signal) {
  return fetch(`${server.url}/v1/orgs/${org}/snapshot`, { headers: { Authorization: `Bearer ${key}` }, signal });
}

/** Users with long titles, so that a snapshot has several pieces. */
async function fill(acme, users) {
  for (let at = 0; at < users; at += 500) {
    const Operations = Array.from({ length: Math.min(500, users - at) }, (_, n) => {
      const data = user(`u${at + n}`, { title: "t".repeat(1500) });
      return { method: "POST", path: "/Users", bulkId: `b${n}`, data };
    });
    const { status, body } = await acme.scim("POST", "/Bulk", { Operations });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 300));
  }
}

test("lines, counts and content type", async () => {
  const acme = await organisation(server, "lines");
  const ann = (await acme.scim("POST", "/Users", user("ann"))).body.id;
  const bob = (await acme.scim("POST", "/Users", user("bob"))).body.id;
  const red = (await acme.scim("POST", "/Groups", group("red", [ann]))).body.id;
  await acme.scim("DELETE", `/Users/${bob}`);
  const snapshot = await acme.console("/snapshot");
  assert.deepEqual([snapshot.status, snapshot.headers.get("content-type")], [200, "application/x-ndjson"]);
  const lines = snapshot.body.trimEnd().split("\n").map((line) => JSON.parse(line));
  const { groups, ...shown } = (await acme.console(`/users/${ann}`)).body;
  assert.deepEqual(lines, [
    { from: 5 },
    { user: shown },
    { group: (await acme.console(`/groups/${red}`)).body },
    { members: { id: red, users: [ann] } },
    { tombstone: { id: bob, resourceType: "User" } },
    { at: 5, counts: { users: 1, activeUsers: 1, groups: 1, memberships: 1, tombstones: 1 }, lines: 5 },
  ]);
});

test("others write while it is taken, and their changes are in it", async () => {
  const acme = await organisation(server, "busy");
  await fill(acme, 4000);
  let taking = true;
  let written = 0;
  const writer = (async () => {
    for (; taking; written += 1) {
      assert.equal((await acme.scim("POST", "/Users", user(`new${written}`))).status, 201);
    }
  })();
  const users = new Map();
  let last;
  let changes = 0;
  for (const line of (await (await open("busy")).text()).trimEnd().split("\n").map((line) => JSON.parse(line))) {
    if (line.user) users.set(line.user.id, line.user.version);
    if (line.change) users.set(line.change.id, line.change.version);
    if (line.change) changes += 1;
    last = line;
  }
  taking = false;
  await writer;
  assert.ok(changes > 0 && last.at > 4000, "somebody wrote meanwhile");
  // Every change is a new user here, so the position tells how many there were.
  assert.equal(last.counts.users, last.at);
  assert.equal(users.size, last.at);
  assert.equal((await acme.console("")).body.counts.users, 4000 + written);
});

test("a client that leaves, a token that ends", async () => {
  const acme = await organisation(server, "cut");
  await fill(acme, 3000);
  const leaving = new AbortController();
  const response = await open("cut", server.consoleKey, leaving.signal);
  await response.body.getReader().read();
  leaving.abort();
  const reader = (await acme.console("/tokens", "POST", { name: "r", kind: "console", scope: "read" })).body;
  const cut = await open("cut", reader.token);
  assert.equal(cut.status, 200);
  const body = cut.body.getReader();
  await body.read();
  assert.equal((await acme.console(`/tokens/${reader.id}`, "DELETE")).status, 204);
  await assert.rejects(async () => {
    while (!(await body.read()).done);
  });
  assert.equal((await open("cut", reader.token)).status, 401);
  const whole = (await (await open("cut")).text()).trimEnd().split("\n");
  assert.equal(whole.length, 3002);
});

test("who may, who may not, and what is not there", async () => {
  const acme = await organisation(server, "rights");
  for (const scope of ["read", "admin"]) {
    const { token } = (await acme.console("/tokens", "POST", { name: scope, kind: "console", scope })).body;
    assert.equal((await (await open("rights", token)).text()).trimEnd().split("\n").length, 2);
  }
  assert.equal((await open("rights", acme.token)).status, 401);
  assert.equal((await open("rights", "")).status, 401);
  const nobody = await consoleCall(server, "GET", "/v1/orgs/nobody/snapshot");
  assert.equal(nobody.status, 404);
  const wrong = await acme.console("/snapshot?after=3");
  assert.equal(wrong.status, 400);
  assert.match(wrong.body.detail, /after/);
  assert.equal((await acme.console("/snapshot", "POST", {})).status, 405);
});
