// Bulk and conditional requests over HTTP, in workerd.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { group, organisation, patch, user } from "./client.mjs";
import { start } from "./harness.mjs";

let server;
let acme;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme");
});
after(() => server.stop());

const schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
const bulk = (Operations, more = {}) => acme.scim("POST", "/Bulk", { schemas, ...more, Operations });
const post = (bulkId, path, data) => ({ method: "POST", path, bulkId, data });
const last = (location) => location.split("/").pop();

test("1,000 operations that refer to each other, the groups before their members", async () => {
  const names = Array.from({ length: 990 }, (_, n) => `bulk${n}`);
  const members = names.map((name) => `bulkId:${name}`);
  const groups = Array.from({ length: 10 }, (_, n) => post(`g${n}`, "/Groups", group(`g${n}`, members)));
  const answer = await bulk([...groups, ...names.map((name) => post(name, "/Users", user(name)))]);
  assert.equal(answer.status, 200, JSON.stringify(answer.body).slice(0, 500));
  const { Operations } = answer.body;
  assert.deepEqual([Operations.length, new Set(Operations.map((one) => one.status))], [1000, new Set(["201"])]);
  assert.deepEqual(Operations.slice(9, 11).map((one) => one.bulkId), ["g9", "bulk0"]);
  const { body } = await acme.scim("GET", `/Groups/${last(Operations[0].location)}`);
  const made = Operations.slice(10).map((one) => last(one.location));
  assert.deepEqual(body.members.map((m) => m.value).sort(), made.sort());
  assert.equal(body.meta.version, Operations[0].version);
  const again = await bulk([...groups, ...names.map((name) => post(name, "/Users", user(name)))]);
  assert.ok(again.body.Operations.every((one) => one.status === "409" || one.response.detail.includes("bulkId:")));
});

test("an operation that fails leaves nothing, the others stay; a circle of references is made together", async () => {
  const seq = await acme.seq();
  const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
  const managed = (name, by) => post(name, "/Users", user(name, { [enterprise]: { manager: { value: `bulkId:${by}` } } }));
  const taken = post("twice", "/Users", user("first"));
  const { body } = await bulk([post("first", "/Users", user("first")), taken, managed("left", "right"), managed("right", "left")]);
  assert.deepEqual(body.Operations.map((one) => one.status), ["201", "409", "201", "201"], JSON.stringify(body));
  assert.equal(body.Operations[1].response.scimType, "uniqueness");
  assert.equal(await acme.seq(), seq + 3);
  const left = await acme.scim("GET", `/Users/${last(body.Operations[2].location)}`);
  assert.equal(left.body[enterprise].manager.value, last(body.Operations[3].location));
  const stopped = await bulk([taken, post("never", "/Users", user("never"))], { failOnErrors: 1 });
  assert.deepEqual(stopped.body.Operations.map((one) => one.status), ["409"]);
  assert.equal(stopped.written, 0, "the refusal is written down already");
});

test("what is above a limit is 413 and names it", async () => {
  const one = { method: "DELETE", path: "/Users/nobody" };
  const many = await bulk(Array(1001).fill(one));
  assert.deepEqual([many.status, many.body.detail.includes("1000")], [413, true], many.body.detail);
  const large = await bulk([one], { pad: "a".repeat(8 << 20) });
  assert.deepEqual([large.status, large.body.detail.includes("8388608")], [413, true], large.body.detail);
  assert.equal((await acme.scim("GET", "/Bulk")).status, 405);
  const config = (await acme.scim("GET", "/ServiceProviderConfig")).body;
  assert.deepEqual(config.bulk, { supported: true, maxOperations: 1000, maxPayloadSize: 8388608 });
  assert.equal(config.etag.supported, true);
});

test("conditions on the version", async () => {
  const made = await acme.scim("POST", "/Users", user("tagged"));
  const path = `/Users/${made.body.id}`;
  const tag = made.headers.get("etag");
  const known = await acme.scim("GET", path, undefined, { "If-None-Match": tag });
  assert.deepEqual([known.status, known.body, known.headers.get("etag")], [304, null, tag]);
  const titled = (title) => patch({ op: "replace", path: "title", value: title });
  const change = (title) => acme.scim("PATCH", path, titled(title), { "If-Match": tag });
  const statuses = (await Promise.all(Array.from({ length: 8 }, (_, n) => change(`t${n}`)))).map((one) => one.status);
  assert.deepEqual(statuses.sort(), [200, ...Array(7).fill(412)], "one of 8 at once wins");
  assert.equal((await acme.scim("GET", path, undefined, { "If-None-Match": tag })).status, 200);
  const operation = { method: "PATCH", path, version: tag, data: titled("bulk") };
  assert.equal((await bulk([operation])).body.Operations[0].status, "412");
  const broken = await acme.scim("DELETE", path, undefined, { "If-Match": "1" });
  assert.deepEqual([broken.status, broken.body.detail.includes("If-Match")], [400, true]);
  const only = await acme.scim("POST", "/Users", user("tagged"), { "If-None-Match": "*" });
  assert.equal(only.status, 412);
});
