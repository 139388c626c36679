// The Console's reading side in workerd: pages and what they read, entity tags, readers that wait, previews.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { consoleCall, group, organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

const BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const WAITERS = 100;
const PEOPLE = 3000;
let server;
let acme;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme");
});
after(() => server.stop());

async function consoleToken(org, scope) {
  const minted = await org.console("/tokens", "POST", { name: scope, kind: "console", scope });
  assert.equal(minted.status, 201, JSON.stringify(minted.body));
  const call = (method, path, body) => scimCall(`${server.url}/v1/orgs/${org.org}`, minted.body.token, method, path, body);
  return { call, id: minted.body.id };
}

test("pages read what they show, and nothing is sent twice", async () => {
  const ids = [];
  for (let from = 0; from < PEOPLE; from += 1000) {
    const Operations = Array.from({ length: 1000 }, (_, n) => (
      { method: "POST", path: "/Users", bulkId: `b${n}`, data: user(`p${from + n}`, n % 2 ? { externalId: "" } : {}) }
    ));
    const { body } = await acme.scim("POST", "/Bulk", { schemas: [BULK], Operations });
    ids.push(...body.Operations.map((done) => done.location.split("/").at(-1)));
  }
  const made = await acme.scim("POST", "/Groups", group("everybody", ids));
  assert.equal(made.status, 201);

  for (const [path, name, expected] of [
    [`/groups/${made.body.id}/members`, "members", ids],
    ["/users", "users", ids],
    ["/users?linked=false", "users", ids.filter((_, n) => n % 2)],
  ]) {
    let [next, seen, most] = [null, [], 0];
    do {
      const query = `${path.includes("?") ? "&" : "?"}limit=100${next ? `&after=${next}` : ""}`;
      const page = await acme.console(path + query);
      assert.equal(page.status, 200, JSON.stringify(page.body));
      seen.push(...page.body[name].map((one) => one.id));
      next = page.body.next;
      most = Math.max(most, page.read);
    } while (next);
    assert.deepEqual(seen, expected, path);
    // For each of 100: its place and its row. A scan goes through a piece of some thousand places.
    const bound = path.includes("linked") ? 5000 : 320;
    assert.ok(most <= bound, `${path}: ${most} rows read for a page of 100`);
  }

  for (const path of ["/users", `/users/${ids[0]}`, `/groups/${made.body.id}`, `/groups/${made.body.id}/members`]) {
    const url = `/v1/orgs/acme${path}`;
    const first = await consoleCall(server, "GET", url);
    const tag = first.headers.get("ETag");
    const again = await consoleCall(server, "GET", url, undefined, { "If-None-Match": tag });
    assert.deepEqual([first.status, again.status, again.body, again.headers.get("ETag")], [200, 304, null, tag], path);
    assert.ok(again.read <= 8 || path.startsWith("/users/"), `${path}: ${again.read} rows read for nothing new`);
    assert.equal((await consoleCall(server, "GET", url, undefined, { "If-None-Match": "3" })).status, 400, path);
  }
  assert.equal((await acme.console("/users?linkd=false")).status, 400);
});

test("a reader that waits is woken by the commit", async () => {
  const org = await organisation(server, "waits");
  const last = await org.seq();
  const waiting = org.console(`/changes?after=${last}&wait=25`);
  // It stands in no other request's way.
  const made = await org.scim("POST", "/Users", user("a"));
  assert.equal(made.status, 201);
  const later = org.console(`/changes?after=${last + 1}&wait=1`);
  assert.equal(await Promise.race([waiting.then(() => "woken"), later.then(() => "late")]), "woken");
  const { body } = await waiting;
  assert.deepEqual([body.next, body.changes.map((change) => [change.kind, change.id])], [last + 1, [["created", made.body.id]]]);
  // A repeat and a refusal are no changes, and whoever waits learns nothing of them.
  assert.equal((await org.scim("POST", "/Users", user("a"))).status, 409);
  const same = patch({ op: "replace", path: "active", value: true });
  assert.equal((await org.scim("PATCH", `/Users/${made.body.id}`, same)).written, 0);
  assert.deepEqual((await later).body, { changes: [], next: last + 1 });
});

test("so many may wait, one more is answered at once", async () => {
  const org = await organisation(server, "crowd");
  const last = await org.seq();
  const answers = [];
  const all = Array.from({ length: WAITERS + 5 }, () => org.console(`/changes?after=${last}&wait=25`).then((answer) => {
    answers.push(answer);
    return answer;
  }));
  for (let n = 0; n < 200 && answers.length < 5; n++) await org.seq();
  assert.deepEqual(answers.map((answer) => answer.body), Array(5).fill({ changes: [], next: last }));
  assert.equal((await org.scim("POST", "/Users", user("a"))).status, 201);
  const later = org.console(`/changes?after=${last + 1}&wait=2`);
  assert.equal(await Promise.race([Promise.all(all).then(() => "woken"), later.then(() => "late")]), "woken");
  assert.equal(answers.filter((answer) => answer.body.changes.length === 1).length, WAITERS);
  // Their places are free again.
  const one = org.console(`/changes?after=${last + 1}&wait=25`);
  assert.equal((await org.scim("POST", "/Users", user("b"))).status, 201);
  assert.equal((await one).body.changes.length, 1);
});

test("a token that is revoked while it waits gets nothing more", async () => {
  const org = await organisation(server, "revoked");
  const last = await org.seq();
  const reader = await consoleToken(org, "read");
  const waiting = reader.call("GET", `/changes?after=${last}&wait=25`);
  for (let n = 0; n < 5; n++) await org.seq();
  assert.equal((await org.console(`/tokens/${reader.id}`, "DELETE")).status, 204);
  const later = org.console(`/changes?after=${last}&wait=2`);
  assert.equal(await Promise.race([waiting.then(() => "woken"), later.then(() => "late")]), "woken");
  assert.equal((await waiting).status, 401);
});

test("a preview writes nothing", async () => {
  const org = await organisation(server, "preview");
  const reader = await consoleToken(org, "read");
  const ann = await org.scim("POST", "/Users", user("ann"));
  const red = await org.scim("POST", "/Groups", group("red", [ann.body.id]));
  const state = async () => JSON.stringify(await Promise.all(
    ["", "/users", "/groups", `/groups/${red.body.id}/members`, "/changes"].map(async (path) => (await org.console(path)).body),
  ));
  const before = await state();
  const member = (value) => patch({ op: "add", path: "members", value: [{ value }] });
  const bulk = { schemas: [BULK], Operations: [
    { method: "POST", path: "/Users", bulkId: "n", data: user("new") },
    { method: "PATCH", path: `/Groups/${red.body.id}`, data: member("bulkId:n") },
  ] };
  for (const [method, path, body, status, kinds] of [
    ["POST", "/Users", user("new"), 201, ["created"]],
    ["POST", "/Users", user("ANN"), 409, []],
    ["DELETE", `/Users/${ann.body.id}`, undefined, 204, ["deleted"]],
    ["PATCH", `/Groups/${red.body.id}`, member(red.body.id), 400, []],
    ["PATCH", `/Groups/${red.body.id}`, member(ann.body.id), 204, []],
    ["POST", "/Bulk", bulk, 200, ["created", "members"]],
  ]) {
    const preview = await reader.call("POST", "/preview", { method, path, body });
    assert.equal(preview.status, 200, JSON.stringify(preview.body));
    const { answer, changes } = preview.body;
    assert.deepEqual([answer.status, changes.map((change) => change.kind)], [status, kinds], JSON.stringify(preview.body));
  }
  const search = await reader.call("POST", "/preview", { method: "GET", path: "/Users", query: 'filter=title eq "x" or userName sw "a"' });
  assert.deepEqual(search.body.answer.body.Resources.map((one) => one.id), [ann.body.id]);
  assert.equal(await state(), before);
  // The preview said it, and it happens.
  assert.equal((await org.scim("POST", "/Users", user("new"))).status, 201);

  // The organisation's own schemas hold, whichever this isolate knew.
  const urn = "urn:example:badge:2.0:User";
  const wrong = { method: "POST", path: "/Users", body: user("b", { [urn]: { number: "one" } }) };
  assert.equal((await reader.call("POST", "/preview", wrong)).body.answer.status, 201);
  assert.equal((await org.console(`/schemas/${urn}`, "PUT", { attributes: [{ name: "number", type: "integer" }] })).status, 201);
  assert.equal((await reader.call("POST", "/preview", wrong)).body.answer.status, 400);

  assert.equal((await scimCall(`${server.url}/v1/orgs/preview`, org.token, "POST", "/preview", wrong)).status, 401);
  assert.equal((await reader.call("POST", "/preview", { method: "GET" })).status, 400);
  assert.equal((await reader.call("GET", "/preview")).status, 405);
  assert.equal((await consoleCall(server, "POST", "/v1/orgs/nobody/preview", wrong)).status, 404);
});
