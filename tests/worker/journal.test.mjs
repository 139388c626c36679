// The journal over HTTP: who may read it, what it says of refusals at the edge and in the object, who leaves nothing there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { consoleCall, group, organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

let server;
let acme;
let reader;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme", { name: "Okta", kind: "scim", dialect: "okta" });
  const minted = await acme.console("/tokens", "POST", { name: "console", kind: "console", scope: "read" });
  reader = minted.body.token;
});
after(() => server.stop());

/** With the Console token that only reads. */
const read = (query = "") => scimCall(`${server.url}/v1/orgs/acme/journal`, reader, "GET", query);
const journal = async (query) => (await read(query)).body.entries;

test("what was applied, refused and passed over", async () => {
  const { id } = (await acme.scim("POST", "/Users", user("ada"))).body;
  const off = patch({ op: "replace", path: "active", value: "False" });
  const unknown = patch({ op: "replace", path: "shoeSize", value: "hunter2" });
  for (const [method, path, body, status, written] of [
    ["PATCH", `/Users/${id}`, off, 200, 2],
    ["PATCH", `/Users/${id}`, unknown, 200, 1],
    ["PATCH", `/Users/${id}`, unknown, 200, 0],
    ["POST", "/Users", user("bob", { active: "hunter2" }), 400, 1],
    ["POST", "/Users", user("bob", { active: "hunter3" }), 400, 0],
    ["GET", "/Users/nobody", undefined, 404, 1],
    ["GET", "/Nothing", undefined, 404, 1],
  ]) {
    const answer = await acme.scim(method, path, body);
    assert.deepEqual([answer.status, answer.written], [status, written], `${method} ${path} ${JSON.stringify(body)}`);
  }
  const { status, body, written } = await read();
  assert.deepEqual([status, written, body.next], [200, 0, null]);
  const told = body.entries.map((e) => [e.outcome, e.method, e.resource, e.status, e.scimType, e.repairs.join()]);
  assert.deepEqual(told, [
    ["refused", "GET", "/Nothing", 404, null, ""],
    ["refused", "GET", "/Users/nobody", 404, null, ""],
    ["refused", "POST", "/Users", 400, "invalidValue", ""],
    ["ignored", "PATCH", `/Users/${id}`, null, null, ""],
    ["applied", "PATCH", `/Users/${id}`, 200, null, "string_booleans"],
    ["applied", "POST", `/Users/${id}`, 201, null, ""],
  ]);
  for (const entry of body.entries) {
    assert.deepEqual([entry.token, entry.idp], [{ id: acme.tokenId, name: "Okta" }, "Okta"]);
    assert.match(entry.requestId, /^[0-9a-f-]{36}$/);
  }
  assert.ok(!JSON.stringify(body).includes("hunter"));
  assert.deepEqual((await journal(`?resource=${id}&outcome=applied`)).map((e) => e.method), ["PATCH", "POST"]);
  const [first, ...rest] = body.entries;
  const page = (await read("?limit=1")).body;
  assert.deepEqual(page.entries, [first]);
  assert.deepEqual(await journal(`?after=${page.next}`), rest);
  assert.deepEqual(await journal(`?since=${first.lastAt}&until=${first.firstAt}`), []);
});

test("the groups to flatten", async () => {
  const { id: outer } = (await acme.scim("POST", "/Groups", group("outer"))).body;
  const { id: inner } = (await acme.scim("POST", "/Groups", group("inner"))).body;
  for (const [member, written] of [
    [{ value: inner }, 1],
    [{ value: inner }, 0],
    [{ value: "x", type: "Group" }, 1],
  ]) {
    const answer = await acme.scim("PATCH", `/Groups/${outer}`, patch({ op: "add", path: "members", value: [member] }));
    assert.deepEqual([answer.status, answer.written], [400, written], JSON.stringify(member));
  }
  const [entry, ...more] = await journal("?outcome=refused&reason=nested");
  assert.deepEqual([entry.nestedIn, entry.names, more], [{ id: outer, displayName: "outer" }, [inner, "x"], []]);
});

test("a revoked token leaves one row, an unknown one none", async () => {
  const { token, id } = (await acme.console("/tokens", "POST", { name: "old", kind: "scim", dialect: "okta" })).body;
  assert.equal((await scimCall(acme.base, token, "GET", "/Users")).status, 200);
  assert.equal((await acme.console(`/tokens/${id}`, "DELETE")).status, 204);
  for (const [path, written] of [["/Users", 1], ["/Users", 0], ["/Groups", 0], ["/Users?filter=is", 0]]) {
    const answer = await scimCall(acme.base, token, "GET", path);
    assert.deepEqual([answer.status, answer.written], [401, written], path);
  }
  const seen = await journal(`?token=${id}`);
  assert.deepEqual(seen.map((e) => [e.status, e.token.name]), [[401, "old"]]);
  assert.match(seen[0].detail, /was revoked at/);
  const before = await journal("?limit=200");
  const other = await organisation(server, "other");
  for (const stranger of ["", token.slice(0, -1), other.token, reader]) {
    assert.equal((await scimCall(acme.base, stranger, "GET", "/Users/secret")).status, 401);
  }
  assert.deepEqual(await journal("?limit=200"), before);
});

test("who reads it, and how it is asked", async () => {
  assert.equal((await scimCall(`${server.url}/v1/orgs/acme/journal`, acme.token, "GET", "")).status, 401);
  const other = await organisation(server, "other");
  assert.deepEqual((await other.console("/journal")).body, { entries: [], next: null, days: [] });
  assert.equal((await scimCall(`${server.url}/v1/orgs/other/journal`, reader, "GET", "")).status, 401);
  assert.equal((await consoleCall(server, "POST", "/v1/orgs/acme/journal", {})).status, 405);
  for (const [query, name] of [["outcome=no", "outcome"], ["since=no", "since"], ["after=no", "after"], ["outcom=x", "outcom"]]) {
    const { status, body, headers } = await read(`?${query}`);
    assert.equal(status, 400, query);
    assert.match(headers.get("content-type"), /^application\/problem\+json/);
    assert.ok(body.detail.includes(name), body.detail);
  }
});

test("counts come with the alarm", async () => {
  const counted = await organisation(server, "counted", { name: "Entra", kind: "scim", dialect: "entra" });
  for (const [name, status] of [["a", 201], ["b", 201], ["a", 409], ["a", 409], ["a", 409]]) {
    assert.equal((await counted.scim("POST", "/Users", user(name))).status, status);
  }
  // Saved 5 s after the first unsaved one; what comes after that, a minute later.
  let body = {};
  for (let waited = 0; waited < 350 && body.entries?.[0].count !== 3; waited++) {
    await sleep(200);
    ({ body } = await counted.console("/journal"));
  }
  const days = body.days.map((one) => ({ ...one, day: one.day.length }));
  assert.deepEqual(days, [{ day: 10, idp: "Entra", applied: 2, unchanged: 0, refused: 3 }]);
});
