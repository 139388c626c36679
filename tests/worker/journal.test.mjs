// The journal over HTTP: who may read it, what it says of refusals at the edge and in the object, who leaves nothing there.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
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
    ["ignored", "PATCH", `/Users/${id}`, 200, null, ""],
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

/** The result of `run` on the database of the one organisation that is stored there. */
function inStorage(persist, run) {
  const names = readdirSync(persist, { recursive: true }).filter((name) => name.endsWith(".sqlite"));
  for (const name of names) {
    const database = new DatabaseSync(join(persist, name));
    try {
      const { count } = database.prepare("SELECT count(*) AS count FROM sqlite_master WHERE name = 'refused'").get();
      if (count > 0) return run(database);
    } finally {
      database.close();
    }
  }
  return assert.fail(`no organisation in ${names}`);
}

/** All entries that `query` asks for, and the rows that were read for each page. None has more than 1 MiB. */
async function all(org, query) {
  const [entries, read] = [[], []];
  for (let after = ""; after !== null; ) {
    const answer = await org.console(`/journal?limit=200${query}${after}`);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.ok(JSON.stringify(answer.body).length <= 1024 * 1024);
    entries.push(...answer.body.entries);
    read.push(answer.read);
    after = answer.body.next && `&after=${answer.body.next}`;
  }
  return { entries, read };
}

test("11,000 refusals of one kind, then pruning: every entry of before is there", async () => {
  const persist = mkdtempSync(join(tmpdir(), "scim-edge-journal-"));
  let own = await start({ persist });
  try {
    let org = await organisation(own, "flooded");
    const { id } = (await org.scim("POST", "/Users", user("ada"))).body;
    const nested = group("outer");
    nested.members = Array.from({ length: 1000 }, (_, n) => ({ value: `${n}`.padEnd(3000, "é"), type: "Group" }));
    for (const [method, path, body, status] of [
      ["POST", "/Users", user("ADA"), 409],
      ["POST", "/Users", user("b", { active: "maybe" }), 400],
      ["PATCH", `/Users/${id}`, patch({ op: "add", path: "shoeSize", value: 7 }), 200],
      ["POST", "/Groups", nested, 400],
      ["GET", "/Nothing", undefined, 404],
    ]) {
      const answer = await org.scim(method, path, body);
      assert.deepEqual([answer.status, answer.written], [status, 1], `${method} ${path}`);
    }
    const earlier = (await all(org, "")).entries;
    assert.equal(earlier.length, 6);
    assert.match(earlier.find((entry) => entry.code === "nested-group").notes[0], /^This entry was cut/);
    const flood = (await org.console("/tokens", "POST", { name: "flood", kind: "scim" })).body;
    for (let n = 0; n < 11; n += 1) {
      const Operations = Array.from({ length: 1000 }, (_, at) => ({ method: "DELETE", path: `/Users/never-${n}-${at}` }));
      const body = { schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], Operations };
      const answer = await scimCall(org.base, flood.token, "POST", "/Bulk", body);
      // 500 rows, and the one that counts.
      assert.deepEqual([answer.status, answer.written], [200, n === 0 ? 501 : 0]);
      assert.ok(answer.body.Operations.every((one) => one.status === "404"));
    }
    await own.kill();
    // The time of the next pruning was set by a clock a year ahead, so it counts as now; and what an earlier version stored is found.
    inStorage(persist, (database) => database.exec(`UPDATE due SET at = ${Date.now() + 365 * 86_400_000}; INSERT INTO traffic VALUES (1, 'old', 1, 1, 1);
      INSERT INTO refusals WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
      SELECT printf('%064x', i), 'refused', i, ${Date.now()}, 'r', NULL, 'Okta', 'GET', '/Users/' || i,
      '{"code":"user-not-found","status":404,"detail":"d"}', json_array(printf('%05000d', i), 'second'), 1 FROM n`));
    own = await start({ persist });
    org = { ...org, console: (path) => consoleCall(own, "GET", `/v1/orgs/flooded${path}`) };
    const old = await all(org, "&outcome=refused");
    assert.equal(old.entries.filter((entry) => entry.idp === "Okta").length, 250);
    let days = [{ idp: "old" }];
    for (let waited = 0; waited < 200 && days.some(({ idp }) => idp === "old"); waited += 1) {
      await sleep(100);
      ({ days } = (await org.console("/journal?limit=1")).body);
    }
    assert.ok(!days.some(({ idp }) => idp === "old"), "it is pruned");
    const { entries, read } = await all(org, "");
    for (const entry of earlier) {
      assert.deepEqual(entries.find((one) => one.requestId === entry.requestId && one.method === entry.method), entry);
    }
    const flooded = entries.filter((entry) => entry.token?.id === flood.id);
    assert.equal(flooded.length, 501);
    assert.deepEqual(flooded.filter(({ method }) => method === null).map(({ code }) => code), ["user-not-found"]);
    // The first page looks at every refusal, the second at its own rows.
    assert.ok(read[0] >= 750 && read[1] <= 1000, read.join());
    // They are copied in steps, whatever ends in between.
    const left = () =>
      inStorage(persist, (database) => database.prepare("SELECT count(*) AS count FROM refusals").get().count);
    await own.kill();
    for (let tries = 0; left() > 0; tries += 1) {
      assert.ok(tries < 30, `${left()} rows are not copied`);
      own = await start({ persist });
      assert.equal((await org.console("")).status, 200);
      await sleep(1000);
      await own.kill();
    }
    own = await start({ persist });
    assert.deepEqual((await all(org, "&outcome=refused")).entries, entries.filter(({ outcome }) => outcome === "refused"));
  } finally {
    await own.kill();
    rmSync(persist, { recursive: true, force: true });
  }
});
