// The Worker's promises, in workerd: errors, nested groups, concurrency, rows written.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GROUP, consoleCall, group, organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

let server;
let acme;
let other;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme");
  other = await organisation(server, "other");
});
after(() => server.stop());

test("refusals are SCIM errors that change nothing", async () => {
  const seq = await acme.seq();
  const deep = '{"a":'.repeat(33) + "1" + "}".repeat(33);
  const cut = acme.token.slice(0, -1);
  const flipped = acme.token.replace(/.$/, (c) => (c === "0" ? "1" : "0"));
  for (const [what, method, path, body, status, scimType, says, headers, token] of [
    ["not JSON", "POST", "/Users", "{", 400, "invalidSyntax", "JSON"],
    ["no body", "POST", "/Users", "", 400, "invalidSyntax", "empty"],
    ["deep JSON", "POST", "/Users", deep, 400, "invalidSyntax", "32 levels"],
    ["duplicate keys", "POST", "/Users", '{"userName":"a","USERNAME":"b"}', 400, "invalidSyntax", "USERNAME"],
    ["9 MiB", "POST", "/Users", `{"userName":"${"a".repeat(9 << 20)}"}`, 413, undefined, "8388608"],
    ["a resource too large", "POST", "/Users", user("big", { title: "a".repeat(300_000) }), 413, undefined, "262144"],
    ["no userName", "POST", "/Users", { schemas: [] }, 400, "invalidValue", "userName"],
    ["wrong type", "POST", "/Users", user("a", { active: "maybe" }), 400, "invalidValue", "active"],
    ["wrong element", "POST", "/Users", user("a", { emails: [7] }), 400, "invalidValue", "emails"],
    ["XML", "POST", "/Users", "<x/>", 415, undefined, "xml", { "Content-Type": "text/xml" }],
    ["unknown path", "GET", "/Nothing", undefined, 404, undefined, "/Nothing"],
    ["unknown user", "GET", "/Users/nobody", undefined, 404, undefined, "nobody"],
    ["not an id", "GET", "/Users/a%20b", undefined, 404, undefined, "a b"],
    ["wrong method", "PATCH", "/Users", undefined, 405, undefined, "GET, POST"],
    ["Me", "GET", "/Me", undefined, 501, undefined, "/Me"],
    ["malformed filter", "GET", "/Users?filter=userName+is+%22a%22", undefined, 400, "invalidFilter", "position"],
    ["unknown attribute", "GET", "/Users?filter=shoeSize+eq+%221%22", undefined, 400, "invalidFilter", "shoeSize"],
    ["bad count", "GET", "/Users?count=many", undefined, 400, "invalidValue", "count"],
    ["discovery with a filter", "GET", "/Schemas?filter=id+eq+%22x%22", undefined, 403, undefined, "filter"],
    ["no token", "GET", "/Users", undefined, 401, undefined, "token", {}, ""],
    ["a cut token", "GET", "/Users", undefined, 401, undefined, "complete", {}, cut],
    ["a mistyped token", "GET", "/Users", undefined, 401, undefined, "complete", {}, flipped],
    ["another organisation's", "GET", "/Users", undefined, 401, undefined, "organisation in the SCIM base URL", {}, other.token],
  ]) {
    const answer = await scimCall(acme.base, token ?? acme.token, method, path, body, headers);
    assert.equal(answer.status, status, `${what}: ${JSON.stringify(answer.body)}`);
    assert.deepEqual(answer.body.schemas, ["urn:ietf:params:scim:api:messages:2.0:Error"], what);
    assert.equal(answer.body.status, String(status), what);
    assert.equal(answer.body.scimType, scimType, what);
    assert.ok(answer.body.detail.includes(says), `${what}: ${answer.body.detail}`);
    assert.match(answer.headers.get("content-type"), /^application\/scim\+json/, what);
    assert.ok(answer.headers.get("x-request-id"), what);
    if (status === 401) assert.equal(answer.headers.get("www-authenticate"), "Bearer", what);
    if (status === 405) assert.equal(answer.headers.get("allow"), says, what);
    const again = await scimCall(acme.base, token ?? acme.token, method, path, body, headers);
    assert.equal(again.written, 0, `${what}, repeated, writes nothing`);
    assert.ok(answer.written <= 1, `${what} writes ${answer.written} rows`);
  }
  assert.equal(await acme.seq(), seq);
});

test("bad input of each kind is named, and changes nothing", async () => {
  const badge = "urn:example:badge";
  const attributes = [{ name: "number", mutability: "immutable" }, { name: "issued", type: "dateTime" }];
  assert.equal((await acme.console(`/schemas/${badge}`, "PUT", { attributes })).status, 201);
  const strict = { name: "strict", kind: "scim", dialect: "rfc" };
  const { token } = (await acme.console("/tokens", "POST", strict)).body;
  const rfc = (method, path, body) => scimCall(acme.base, token, method, path, body);
  const schemas = [user("x").schemas[0], badge];
  const ada = { ...user("ada", { [badge]: { number: "7" } }), schemas };
  const { body: made } = await rfc("POST", "/Users", ada);
  const { body: team } = await rfc("POST", "/Groups", group("team", [made.id]));
  const [person, crew] = [`/Users/${made.id}`, `/Groups/${team.id}`];
  const { nextCursor } = (await rfc("GET", "/Users?cursor&count=1")).body;
  const seq = await acme.seq();
  const op = (op, path, value) => patch({ op, path, value });
  const find = (filter) => `/Users?filter=${encodeURIComponent(filter)}`;
  for (const [what, method, path, body, scimType, says] of [
    ["a number for a text", "PATCH", person, op("replace", "title", 7), "invalidValue", "title"],
    ["a text for a boolean", "PATCH", person, op("replace", "active", "False"), "invalidValue", "active"],
    ["an object for a text", "PUT", person, { ...ada, displayName: { a: 1 } }, "invalidValue", "displayName"],
    ["a text for an object", "PUT", person, { ...ada, name: "Ada" }, "invalidValue", "name"],
    ["an unknown attribute", "PATCH", person, op("add", "shoeSize", 1), "invalidPath", "shoeSize"],
    ["an unknown sub-attribute", "PATCH", person, op("add", "name.nick", "a"), "invalidPath", "name.nick"],
    ["a read-only attribute", "PATCH", person, op("replace", "groups", []), "mutability", "groups"],
    ["a read-only sub-attribute", "PATCH", person, op("replace", "meta.version", "1"), "mutability", "meta.version"],
    ["an immutable attribute", "PATCH", person, op("replace", `${badge}:number`, "8"), "mutability", `${badge}:number`],
    ["an immutable one by PUT", "PUT", person, { ...ada, [badge]: { number: "8" } }, "mutability", `${badge}:number`],
    ["an immutable sub-attribute", "PATCH", crew, op("replace", "members.value", made.id), "mutability", "members.value"],
    ["a required attribute", "PATCH", person, op("remove", "userName"), "mutability", "userName"],
    ["a malformed path", "PATCH", person, op("add", "emails[type eq", "a"), "invalidPath", "position"],
    ["a malformed value filter", "PATCH", person, op("add", "emails[type is 1].value", "a"), "invalidPath", "position"],
    ["nothing that matches", "PATCH", person, op("replace", 'emails[type eq "x"].value', "a"), "noTarget", "emails"],
    ["a removal without a path", "PATCH", person, patch({ op: "remove" }), "noTarget", "path"],
    ["a malformed filter", "GET", find('userName eq "a" and'), undefined, "invalidFilter", "position"],
    ["an unknown attribute in a filter", "GET", find("shoeSize pr"), undefined, "invalidFilter", "shoeSize"],
    ["a boolean that is ordered", "GET", find("active gt true"), undefined, "invalidFilter", "active"],
    ["a malformed date in a filter", "GET", find('meta.created gt "yesterday"'), undefined, "invalidFilter", "meta.created"],
    ["a malformed date", "PUT", person, { ...ada, [badge]: { number: "7", issued: "1.2.26" } }, "invalidValue", "issued"],
    ["a made-up cursor", "GET", "/Users?cursor=abc", undefined, "invalidCursor", "cursor"],
    ["another query's cursor", "GET", `/Users?cursor=${nextCursor}&sortBy=title`, undefined, "invalidCursor", "cursor"],
    ["a negative count with a cursor", "GET", "/Users?cursor&count=-1", undefined, "invalidCount", "count"],
    ["a count that is none", "GET", "/Users?count=1.5", undefined, "invalidValue", "count"],
    ["an order that is none", "GET", "/Users?sortBy=title&sortOrder=up", undefined, "invalidValue", "sortOrder"],
  ]) {
    const answer = await rfc(method, path, body);
    const at = `${what}: ${JSON.stringify(answer.body)}`;
    assert.deepEqual([answer.status, answer.body.status, answer.body.scimType], [400, "400", scimType], at);
    assert.ok(answer.body.detail.includes(says), at);
  }
  // RFC 7644 section 3.4.2.4: "a negative value SHALL be interpreted as 0", and a startIndex below 1 as 1.
  const none = (await rfc("GET", "/Users?count=-5&startIndex=-5")).body;
  assert.deepEqual([none.Resources ?? [], none.startIndex, none.totalResults > 0], [[], 1, true]);
  assert.equal(await acme.seq(), seq);
  assert.equal((await acme.console(`/schemas/${badge}`, "DELETE")).status, 204);
});

test("a nested group is refused by type, by reference and by bare id, and the whole request with it", async () => {
  const { id: inner } = (await acme.scim("POST", "/Groups", group("inner"))).body;
  const { id: outer } = (await acme.scim("POST", "/Groups", group("outer"))).body;
  const { id: person } = (await acme.scim("POST", "/Users", user("nested"))).body;
  const seq = await acme.seq();
  for (const member of [
    { value: "whatever", type: "Group" },
    { value: "whatever", type: " GROUP " },
    { value: "whatever", $ref: "https://x/scim/v2/Groups/whatever" },
    { value: inner },
    { value: outer },
  ]) {
    const list = [{ value: person }, member];
    const body = { schemas: [GROUP], displayName: "outer", members: list };
    for (const [method, path, sent, name] of [
      ["PATCH", `/Groups/${outer}`, patch({ op: "add", path: "members", value: list }), outer],
      ["PATCH", `/Groups/${outer}`, patch({ op: "replace", value: { displayName: "new", members: list } }), outer],
      ["PUT", `/Groups/${outer}`, body, outer],
      ["POST", "/Groups", { ...body, displayName: "another" }, "another"],
    ]) {
      const answer = await acme.scim(method, path, sent);
      const at = `${method} ${JSON.stringify(member)}: ${JSON.stringify(answer.body)}`;
      assert.deepEqual([answer.status, answer.body.scimType], [400, "invalidValue"], at);
      assert.ok(answer.body.detail.includes(member.value) && answer.body.detail.includes(name), at);
    }
  }
  assert.equal(await acme.seq(), seq);
  assert.equal((await acme.scim("GET", `/Groups/${outer}`)).body.members, undefined);
});

test("members who never were are refused, members who are gone are passed over", async () => {
  const { id: gone } = (await acme.scim("POST", "/Users", user("gone"))).body;
  const { id: here } = (await acme.scim("POST", "/Users", user("here"))).body;
  assert.equal((await acme.scim("DELETE", `/Users/${gone}`)).status, 204);
  const unknown = await acme.scim("POST", "/Groups", group("u", [here, "never-was"]));
  assert.deepEqual([unknown.status, unknown.body.scimType], [400, "invalidValue"]);
  assert.ok(unknown.body.detail.includes("never-was") && !unknown.body.detail.includes(here));
  const { status, body } = await acme.scim("POST", "/Groups", group("u", [here, gone]));
  assert.equal(status, 201);
  assert.deepEqual(body.members.map((m) => m.value), [here]);
});

test("32 members added at once are all there", async () => {
  const people = [];
  for (let i = 0; i < 32; i++) people.push((await acme.scim("POST", "/Users", user(`m${i}`))).body.id);
  const { id } = (await acme.scim("POST", "/Groups", group("crowd"))).body;
  const add = (value) => acme.scim("PATCH", `/Groups/${id}`, patch({ op: "add", path: "members", value: [{ value }] }));
  const answers = await Promise.all(people.map(add));
  assert.ok(answers.every((answer) => answer.status === 204));
  const { members } = (await acme.scim("GET", `/Groups/${id}`)).body;
  assert.deepEqual(members.map((m) => m.value).sort(), [...people].sort());
});

test("of 16 creates of one userName at once, one wins", async () => {
  const create = (n) => acme.scim("POST", "/Users", user("race", { externalId: `r-${n}`, title: `t${n}` }));
  const answers = await Promise.all(Array.from({ length: 16 }, (_, n) => create(n)));
  const statuses = answers.map((answer) => answer.status).sort();
  assert.deepEqual(statuses, [201, ...Array(15).fill(409)]);
});

test("rows written, exactly", async () => {
  const created = await acme.scim("POST", "/Users", user("counted"));
  const { id } = created.body;
  const off = patch({ op: "replace", value: { active: false } });
  const made = await acme.scim("POST", "/Groups", group("counted"));
  const add = patch({ op: "add", path: "members", value: [{ value: id }] });
  const refused = patch({ op: "add", path: "members", value: [{ value: made.body.id }] });
  const written = [created.written];
  for (const [path, body] of [
    [`/Users/${id}`, off],
    [`/Groups/${made.body.id}`, add],
    [`/Groups/${made.body.id}`, refused],
  ]) {
    written.push((await acme.scim("PATCH", path, body)).written);
    assert.equal((await acme.scim("PATCH", path, body)).written, 0, `${JSON.stringify(body)} repeated`);
  }
  // A user: its row, id, userName, externalId, mail, the change. Then: row and change; member both ways, group, change.
  assert.deepEqual(written, [6, 2, 4, 1]);
  // A user in no group: its row, the change, the deleted id and its place in their order. A repeat is a refusal.
  const path = `/Users/${(await acme.scim("POST", "/Users", user("counted too"))).body.id}`;
  assert.deepEqual([(await acme.scim("DELETE", path)).written, (await acme.scim("DELETE", path)).written], [4, 1]);
});

test("a POST that comes again is a conflict, and its first answer under the same key", async () => {
  for (const [path, body] of [["/Users", user("repeated")], ["/Groups", group("repeated")]]) {
    const post = (headers) => acme.scim("POST", path, body, headers);
    const made = await post({ "Idempotency-Key": "k-1" });
    assert.equal(made.status, 201);
    const seq = await acme.seq();
    const again = await post({ "Idempotency-Key": "k-1" });
    assert.deepEqual([again.status, again.written, again.body], [201, 0, made.body]);
    assert.equal(again.headers.get("location"), made.headers.get("location"));
    for (const headers of [{}, { "Idempotency-Key": "k-2" }]) assert.equal((await post(headers)).status, 409);
    assert.equal(await acme.seq(), seq);
  }
});

test("discovery is the same for everybody, and needs a good token if one is sent", async () => {
  for (const path of ["/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", `/Schemas/${GROUP}`]) {
    const anonymous = await scimCall(acme.base, "", "GET", path);
    const nowhere = await scimCall(`${server.url}/nobody/scim/v2`, "", "GET", path);
    const known = await acme.scim("GET", path);
    assert.deepEqual([anonymous.status, nowhere.status, known.status], [200, 200, 200], path);
    assert.deepEqual(anonymous.body, known.body, path);
    const text = (body) => JSON.stringify(body).replaceAll("/nobody/", "/acme/");
    assert.equal(text(nowhere.body), text(anonymous.body), path);
    assert.equal((await scimCall(acme.base, other.token, "GET", path)).status, 401, path);
  }
  assert.equal((await acme.scim("GET", "/Schemas/urn:nothing")).status, 404);
  assert.equal((await acme.scim("POST", "/Schemas", {})).status, 405);
});

test("addresses as providers write them", async () => {
  await acme.scim("POST", "/Users", user("address"));
  const filter = "filter=userName+eq+%22address%22";
  for (const address of [
    `${server.url}/acme/scim/v2/Users/?${filter}&`,
    `${server.url}/acme//scim/v2//Users?${filter}`,
    `${server.url}/scim/acme/Users?${filter}`,
    `${server.url}/acme/scim/v2/users?aadOptscim062020&${filter}`,
    `${server.url}/acme/scim/v2?aadOptscim062020/Users&${filter}`,
    `${server.url}/acme/scim/v2?aadOptscim062020/Users?${filter}`,
    `${server.url}/acme/scim/v2/?connection=c/Users?startIndex=1&count=100&${filter}`,
    `${server.url}/scim/acme?aadOptscim062020/Users?${filter}`,
    `${server.url}/acme/scim/v2/Users?x=1?${filter}`,
    // The base URL itself, over both types.
    `${server.url}/acme/scim/v2?${filter}`,
    `${server.url}/acme/scim/v2/?aadOptscim062020?${filter}`,
  ]) {
    const { status, body } = await scimCall(address, acme.token, "GET", "");
    assert.deepEqual([status, body.totalResults], [200, 1], address);
    assert.equal(body.Resources[0].meta.location, `${acme.base}/Users/${body.Resources[0].id}`);
  }
  const bare = await scimCall(acme.base, "", "GET", "/Users?count=0", undefined, { Authorization: acme.token });
  assert.equal(bare.status, 200);
  for (const address of ["", "/", "?aadOptscim062020/Users"]) {
    assert.equal((await scimCall(acme.base, "", "GET", address)).status, 401, address);
  }
});

test("HEAD is GET without the body", async () => {
  const { id } = (await acme.scim("POST", "/Users", user("head"))).body;
  for (const [base, path, token] of [
    [acme.base, `/Users/${id}`, acme.token],
    [acme.base, "/Users?count=1", acme.token],
    [acme.base, "/ServiceProviderConfig", ""],
    [acme.base, "/Users", ""],
    [acme.base, "/Nothing", acme.token],
    [`${server.url}/v1/orgs/acme`, "", server.consoleKey],
    [`${server.url}/v1/orgs/acme`, "/snapshot", server.consoleKey],
    [`${server.url}/healthz`, "", ""],
  ]) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const [got, head] = await Promise.all(["GET", "HEAD"].map((method) => fetch(`${base}${path}`, { method, headers })));
    assert.equal(head.status, got.status, path);
    for (const name of ["content-type", "etag", "location", "x-error-code", "www-authenticate"]) {
      assert.equal(head.headers.get(name), got.headers.get(name), `${path} ${name}`);
    }
    assert.deepEqual([await head.text(), (await got.text()).length > 0], ["", true], path);
  }
});

test("an organisation: registered, SAML first, switched off", async () => {
  const unknown = await consoleCall(server, "GET", "/v1/orgs/unknown");
  assert.equal(unknown.status, 404);
  assert.match(unknown.headers.get("content-type"), /^application\/problem\+json/);
  const early = await consoleCall(server, "PUT", "/v1/orgs/late", { scim: { enabled: true } });
  assert.equal(early.status, 409);
  assert.match(early.body.detail, /SAML/);
  const typo = await consoleCall(server, "PUT", "/v1/orgs/late", { smal: {} });
  assert.deepEqual([typo.status, typo.body.detail.includes("smal")], [400, true]);
  const late = await organisation(server, "late");
  assert.equal((await late.scim("GET", "/Users")).status, 200);
  await late.console("", "PUT", { scim: { enabled: false } });
  const off = await late.scim("GET", "/Users");
  assert.equal(off.status, 403);
  assert.match(off.body.detail, /Cloud Console/);
  const listed = (await consoleCall(server, "GET", "/v1/orgs")).body.organisations.map((o) => o.id);
  assert.deepEqual(listed, ["acme", "late", "other"]);
});
