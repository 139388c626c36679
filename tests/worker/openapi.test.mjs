// The description of the Console's API and what holds for all of its operations alike. That an answer is as described is
// held by client.mjs, in every test.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { consoleCall, organisation, scimCall, user } from "./client.mjs";
import { document, examples, operations, valid } from "./contract.mjs";
import { start } from "./harness.mjs";

const ORIGIN = "https://console.test";
const URN = "urn:example:badge";
const BODIES = {
  putOrg: {},
  patchOrg: {},
  mintToken: { name: "n", kind: "scim" },
  rotateToken: {},
  releaseGuard: { seconds: 1 },
  preview: { method: "GET", path: "/Users" },
  putSchema: { attributes: [{ name: "number" }] },
};

const persist = mkdtempSync(join(tmpdir(), "scim-edge-openapi-"));
let server;
let acme;
let tokens;
before(async () => {
  server = await start({ persist, vars: { CONSOLE_ORIGINS: ORIGIN } });
  acme = await organisation(server, "acme");
  const mint = async (scope) => (await acme.console("/tokens", "POST", { name: scope, kind: "console", scope })).body.token;
  tokens = { read: await mint("read"), admin: await mint("admin") };
});
after(async () => {
  await server.stop();
  rmSync(persist, { recursive: true, force: true });
});

const described = (status) => operations.filter(({ responses }) => responses[status]);
const address = ({ path }, org = "acme") => path.replace("{org}", org).replace("{id}", "0199").replace("{urn}", URN).replace("{part}", "1");
const needs = ({ security }) => security[0]?.key[0] ?? "none";
const confirmed = (one, org) => address(one, org) + (one.operationId === "eraseOrg" ? `?confirm=${org}` : "");

test("the document is there for everybody", async () => {
  for (const token of ["", server.consoleKey, "wrong"]) {
    const { status, body } = await scimCall(server.url, token, "GET", "/v1/openapi.json");
    assert.deepEqual([status, body], [200, document]);
  }
  const shared = await scimCall(server.url, "", "GET", "/v1/openapi.json", undefined, { Origin: ORIGIN });
  assert.equal(shared.headers.get("Access-Control-Allow-Origin"), ORIGIN);
  assert.equal((await scimCall(server.url, "", "GET", "/healthz")).status, 200);
  for (const path of ["/v1/openapi.json", "/healthz"]) {
    const { status, headers } = await scimCall(server.url, "", "POST", path, {});
    assert.deepEqual([status, headers.get("Allow"), headers.get("Content-Type")], [405, "GET", "application/problem+json"]);
  }
  assert.equal((await consoleCall(server, "GET", "/v1/nothing")).status, 404);
  assert.equal((await scimCall(server.url, "", "GET", "/v1/nothing")).status, 401);
});

test("every operation has a title, a sentence, a tag, and examples that are as described", () => {
  for (const one of operations) {
    const [success] = Object.keys(one.responses).filter((status) => status < 300);
    assert.ok(one.summary && one.description?.endsWith(".") && one.tags.length === 1, one.operationId);
    assert.ok(document.tags.some(({ name }) => name === one.tags[0]), one.operationId);
    const shown = examples().filter(([pointer]) => pointer.startsWith(`${one.pointer}/`));
    const shared = one.responses[success].$ref !== undefined;
    assert.ok(shown.length > 0 || shared || one.operationId === "openApi", `${one.operationId} has no example`);
  }
  assert.ok(examples().length > 30);
  for (const [pointer, example] of examples()) valid(pointer, example, `the example at ${pointer}`);
});

test("every operation refuses what none allows", async () => {
  // The interruption comes after everything is deleted: the registry still has the name.
  assert.equal((await organisation(server, "half")).org, "half");
  const interrupted = { "X-Test-Panic": "forget" };
  assert.equal((await consoleCall(server, "DELETE", "/v1/orgs/half?confirm=half", undefined, interrupted)).status, 500);
  const huge = `{"a":"${"a".repeat(9 << 20)}"}`;
  for (const [status, token, more, path, body, rights] of [
    [400, server.consoleKey, {}, (one) => `${address(one)}?unheard=1`],
    [401, "", {}, address],
    [401, acme.token, {}, address],
    [403, tokens.read, {}, address, undefined, ["admin", "root"]],
    [403, tokens.admin, {}, address, undefined, ["root"]],
    // No organisation can have that name, and none has this one, which a PUT would register.
    [404, server.consoleKey, {}, (one) => address(one, "No-One")],
    [404, server.consoleKey, {}, (one) => confirmed(one, one.operationId === "putOrg" ? "v1" : "nobody")],
    [409, server.consoleKey, {}, (one) => address(one, "half")],
    [413, server.consoleKey, {}, address, huge],
    [500, server.consoleKey, { "X-Test-Panic": "edge" }, address],
  ]) {
    assert.ok(described(status).length > 0);
    for (const one of described(status).filter((one) => rights?.includes(needs(one)) ?? true)) {
      const sent = one.requestBody && (body ?? BODIES[one.operationId]);
      const answer = await scimCall(server.url, token, one.method, path(one), sent, more);
      assert.equal(answer.status, status, `${one.method} ${path(one)}: ${JSON.stringify(answer.body)}`);
      assert.ok(answer.body.detail.length > 20, answer.body.detail);
    }
  }
  const bare = await start({ consoleKey: "" });
  try {
    for (const one of described(503)) {
      const answer = await scimCall(bare.url, "any", one.method, address(one), one.requestBody && BODIES[one.operationId]);
      assert.equal(answer.status, 503, `${one.method} ${one.path}`);
    }
  } finally {
    await bare.stop();
  }
});

test("no operation takes credentials over plain http", async () => {
  // Miniflare takes the address from this header, since fetch sets Host itself.
  const at = (host, path) => ({ "MF-Original-URL": `http://${host}${path}` });
  const away = (path) => at("scim.example.com", path);
  for (const one of described(403)) {
    const sent = one.requestBody && BODIES[one.operationId];
    for (const token of [server.consoleKey, tokens.read, "wrong"]) {
      const { status, headers, body } = await scimCall(server.url, token, one.method, address(one), sent, away(address(one)));
      assert.deepEqual([status, headers.get("x-error-code")], [403, "plain-http"], `${one.method} ${one.path}`);
      assert.match(body.detail, /https.*rotate this token/);
    }
    assert.equal((await scimCall(server.url, "", one.method, address(one), sent, away(address(one)))).status, 401, "without credentials");
  }
  // SCIM too, where anything answers; without credentials nothing changes.
  for (const path of ["/acme/scim/v2/Users", "/acme/scim/v2/Schemas", "/unregistered/scim/v2/Users", "/nowhere"]) {
    const answer = await scimCall(server.url, acme.token, "GET", path, undefined, away(path));
    assert.deepEqual([answer.status, answer.headers.get("x-error-code"), answer.headers.get("content-type")],
      [403, "plain-http", "application/scim+json"], path);
    const open = await scimCall(server.url, "", "GET", path, undefined, away(path));
    assert.notEqual(open.status, 403, path);
  }
  for (const host of ["localhost:8787", "127.0.0.1", "127.9.9.9:80", "[::1]:8787", "acme.localhost"]) {
    assert.equal((await scimCall(acme.base, acme.token, "GET", "/Users", undefined, at(host, "/acme/scim/v2/Users"))).status, 200, host);
  }
});

test("every operation is held to the rate of its caller", async () => {
  const limited = await start({ limits: { FAILURE_LIMIT: 1 } });
  try {
    for (const one of described(429)) {
      const send = () => scimCall(limited.url, "wrong", one.method, address(one), one.requestBody && BODIES[one.operationId]);
      // The limiter's minute may begin in between.
      const answers = [await send(), await send(), await send()];
      assert.ok(answers.some(({ status }) => status === 429), `${one.method} ${one.path}: ${answers[0].status}`);
    }
  } finally {
    await limited.stop();
  }
});

test("a parameter is known, and said once", async () => {
  for (const [path, says] of [
    ["?limit=1", 'Unknown query parameter "limit"'],
    ["/users?limit=1&limit=2", '"limit" is sent twice'],
    ["/users?limit=1&limit=1", '"limit" is sent twice'],
    ["/changes?after=9007199254740992", "after must be"],
    ["/journal?wait=1", 'Unknown query parameter "wait"'],
  ]) {
    const { status, body } = await acme.console(path);
    assert.equal(status, 400, path);
    assert.ok(body.detail.includes(says), body.detail);
  }
  assert.equal((await acme.console("/users?&limit=1&")).status, 200);
});

test("what only some operations answer", async () => {
  for (const [method, path, body, status] of [
    ["GET", "/v1/orgs", undefined, 200],
    ["DELETE", "/v1/orgs/half?confirm=half", undefined, 204],
    ["PATCH", "/v1/orgs/acme", {}, 200],
    ["PUT", "/v1/orgs/late", { scim: { enabled: true } }, 409],
    ["POST", "/v1/orgs/acme/tokens", { ...BODIES.mintToken, expiresAt: "9999-12-31T23:59:59Z" }, 201],
    ["QUERY", "/v1/orgs/acme", undefined, 405],
    ["PUT", `/v1/orgs/acme/schemas/${URN}`, BODIES.putSchema, 201],
    ["PUT", `/v1/orgs/acme/schemas/${URN}`, BODIES.putSchema, 200],
    ["GET", `/v1/orgs/acme/schemas/${URN}`, undefined, 200],
    ["PUT", "/v1/orgs/acme/schemas/urn:ietf:params:scim:schemas:core:2.0:User", BODIES.putSchema, 409],
    ["DELETE", `/v1/orgs/acme/schemas/${URN}`, undefined, 204],
  ]) {
    const answer = await consoleCall(server, method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  }
  const unchanged = await consoleCall(server, "GET", "/v1/orgs/acme/groups", undefined, { "If-None-Match": "*" });
  assert.equal(unchanged.status, 304);
});

test("a position that is no longer kept is 410", async () => {
  const org = await organisation(server, "pruned");
  for (const name of ["a", "b", "c"]) assert.equal((await org.scim("POST", "/Users", user(name))).status, 201);
  // The alarm's work after 30 days is done here by hand, in the object's own file.
  await server.kill();
  const files = readdirSync(persist, { recursive: true }).filter((name) => name.endsWith(".sqlite"));
  for (const file of files) {
    const database = new DatabaseSync(join(persist, file));
    const { count } = database.prepare("SELECT count(*) AS count FROM sqlite_master WHERE name = 'changes'").get();
    if (count > 0) database.exec("DELETE FROM changes WHERE seq < 3");
    database.close();
  }
  server = await start({ persist, vars: { CONSOLE_ORIGINS: ORIGIN } });
  const ask = (after) => consoleCall(server, "GET", `/v1/orgs/pruned/changes?after=${after}`);
  const gone = await ask(0);
  assert.equal(gone.status, 410, JSON.stringify(gone.body));
  assert.match(gone.body.detail, /snapshot/);
  assert.equal((await ask(2)).status, 200);
});
