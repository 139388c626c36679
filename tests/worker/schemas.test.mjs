// Extension schemas of an organisation's own, over HTTP: registered at the Console, obeyed by every isolate's edge.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { USER, consoleCall, organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

const URN = "urn:coreweave:params:scim:schemas:extension:coreweave:2.0:CoreWeaveUser";
const DOCUMENT = {
  name: "CoreWeaveUser",
  attributes: [
    { name: "sunkSshKeys", multiValued: true, caseExact: true },
    { name: "uid", type: "integer", mutability: "immutable" },
    { name: "note", returned: "request" },
  ],
};

let server;
let acme;
let other;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme");
  other = await organisation(server, "other");
});
after(() => server.stop());

test("a schema is registered, obeyed, shown and forgotten", async () => {
  const wrong = user("w", { [URN]: { uid: "one" } });
  const before = await acme.scim("POST", "/Users", wrong);
  assert.deepEqual([before.status, before.body[URN]], [201, { uid: "one" }], "nobody registered it: kept as sent");

  const put = await acme.console(`/schemas/${URN}`, "PUT", DOCUMENT);
  assert.deepEqual([put.status, put.body.id, put.body.resourceTypes], [201, URN, ["User"]], JSON.stringify(put.body));
  const again = await acme.console(`/schemas/${encodeURIComponent(URN)}`, "PUT", put.body);
  assert.deepEqual([again.status, again.written, again.body], [200, 0, put.body]);
  assert.deepEqual((await acme.console("/schemas")).body, { schemas: [put.body] });

  const values = { uid: 1, SUNKSSHKEYS: ["ssh-ed25519 A"], note: "n" };
  const made = await acme.scim("POST", "/Users", user("a", { [URN]: values }));
  const shown = { uid: 1, sunkSshKeys: ["ssh-ed25519 A"] };
  assert.deepEqual([made.status, made.written, made.body[URN]], [201, 6, shown]);
  assert.deepEqual(made.body.schemas, [USER, URN]);
  const path = `/Users/${made.body.id}`;
  const named = await acme.scim("GET", `${path}?attributes=${URN.toLowerCase()}:NOTE`);
  assert.deepEqual(named.body[URN], { note: "n" });
  for (const [method, at, body, scimType, says] of [
    ["POST", "/Users", user("b", { [URN]: { uid: "one" } }), "invalidValue", `${URN}:uid`],
    ["PATCH", path, patch({ op: "replace", path: `${URN}:uid`, value: 2 }), "mutability", `${URN}:uid`],
    ["PUT", path, user("a", { [URN]: { uid: 2 } }), "mutability", `${URN}:uid`],
  ]) {
    const answer = await acme.scim(method, at, body);
    assert.deepEqual([answer.status, answer.body.scimType], [400, scimType], JSON.stringify(answer.body));
    assert.ok(answer.body.detail.includes(says), answer.body.detail);
  }
  const add = patch({ op: "add", path: `${URN}:sunkSshKeys`, value: ["ssh-ed25519 B"] });
  assert.deepEqual((await acme.scim("PATCH", path, add)).body[URN].sunkSshKeys, ["ssh-ed25519 A", "ssh-ed25519 B"]);
  assert.equal((await acme.scim("PATCH", path, add)).written, 0);

  assert.equal((await acme.scim("GET", `/Schemas/${URN}`)).body.id, URN);
  const { schemaExtensions } = (await acme.scim("GET", "/ResourceTypes/User")).body;
  assert.ok(schemaExtensions.some((extension) => extension.schema === URN && extension.required === false));
  assert.equal((await other.scim("GET", `/Schemas/${URN}`)).status, 404, "one organisation's alone");
  assert.equal((await scimCall(acme.base, "", "GET", `/Schemas/${URN}`)).status, 404, "and not for everybody");

  assert.equal((await acme.console(`/schemas/${URN}`, "DELETE")).status, 204);
  assert.equal((await acme.console(`/schemas/${URN}`, "DELETE")).status, 404);
  assert.equal((await acme.scim("POST", "/Users", user("c", { [URN]: { uid: "one" } }))).status, 201);
  assert.equal((await acme.scim("GET", path)).body[URN].uid, 1, "values outlive their schema");
});

test("a schema that is none is refused by the attribute's name", async () => {
  for (const [urn, attributes, status, says] of [
    [URN, [{ name: "a", type: "text" }], 400, "The attribute a: type"],
    [URN, [{ name: "a", uniqueness: "server" }], 400, "The attribute a must have uniqueness none"],
    [URN, [{ name: "a" }, { name: "A" }], 400, "The attribute A is defined twice"],
    [USER, [{ name: "a" }], 409, "SCIM standard"],
    [URN, [{ name: "a", description: "d".repeat(70_000) }], 413, "65536"],
  ]) {
    const answer = await acme.console(`/schemas/${urn}`, "PUT", { attributes });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.ok(answer.body.detail.includes(says), answer.body.detail);
    assert.match(answer.headers.get("content-type"), /^application\/problem\+json/);
  }
  assert.deepEqual((await acme.console("/schemas")).body, { schemas: [] });
});

test("discovery takes no filter, whoever asks", async () => {
  for (const path of ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"]) {
    const query = `${path}?filter=id+pr`;
    assert.equal((await scimCall(acme.base, "", "GET", query)).status, 403, path);
    assert.equal((await acme.scim("GET", query)).status, 403, path);
    assert.equal((await acme.scim("PUT", path, {})).status, 405, path);
  }
  assert.equal((await scimCall(acme.base, "", "GET", "/ResourceTypes/Device")).status, 404);
});

test("an organisation that is not registered has no schemas", async () => {
  assert.equal((await consoleCall(server, "PUT", `/v1/orgs/nobody/schemas/${URN}`, DOCUMENT)).status, 404);
  assert.equal((await consoleCall(server, "GET", "/v1/orgs/nobody/schemas")).status, 404);
});
