// Revocation, forged records, panics and a killed process, in workerd.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { consoleCall, group, organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

const persist = mkdtempSync(join(tmpdir(), "scim-edge-faults-"));
let server;
before(async () => (server = await start({ persist })));
after(async () => {
  await server.stop();
  rmSync(persist, { recursive: true, force: true });
});

const key = (token) => `t/${createHash("sha256").update(token).digest("hex")}`;

test("a revoked token is refused at once, with KV's record still there", async () => {
  const org = await organisation(server, "revoked");
  assert.equal((await org.scim("GET", "/Users")).status, 200);
  assert.equal((await org.console(`/tokens/${org.tokenId}`, "DELETE")).status, 204);
  assert.ok(await server.kv.get(key(org.token)));
  const refused = await org.scim("POST", "/Users", user("late"));
  assert.equal(refused.status, 401);
  assert.equal(await org.seq(), 0);
  const { tokens } = (await org.console("/tokens")).body;
  assert.deepEqual(tokens.map((t) => [t.id, t.alive, t.token]), [[org.tokenId, false, undefined]]);
});

test("a forged record in KV opens nothing", async () => {
  const mine = await organisation(server, "mine");
  const theirs = await organisation(server, "theirs");
  // Another organisation's token, and one that was never minted, made to point at "theirs".
  const record = (org) => JSON.stringify({ v: 1, org, kind: "scim", dialect: "auto" });
  await server.kv.put(key(mine.token), record("theirs"));
  assert.equal((await scimCall(theirs.base, mine.token, "GET", "/Users")).status, 401);
  const ghost = await organisation(server, "ghost");
  await ghost.console(`/tokens/${ghost.tokenId}`, "DELETE");
  await server.kv.put(key(ghost.token), record("nowhere"));
  assert.equal((await scimCall(`${server.url}/nowhere/scim/v2`, ghost.token, "GET", "/Users")).status, 401);
  assert.equal((await consoleCall(server, "GET", "/v1/orgs/nowhere")).status, 404);
});

test("Console tokens see their organisation, as their scope allows", async () => {
  const org = await organisation(server, "scoped");
  const foreign = await organisation(server, "foreign");
  const mint = async (scope) => (await org.console("/tokens", "POST", { name: scope, kind: "console", scope })).body.token;
  const [read, admin] = [await mint("read"), await mint("admin")];
  const as = (token, method, path, body) => consoleCall({ url: server.url, consoleKey: token }, method, path, body);
  const disable = { scim: { enabled: false } };
  for (const [token, method, path, body, status] of [
    [read, "GET", "/v1/orgs/scoped", undefined, 200],
    [read, "GET", "/v1/orgs/scoped/changes", undefined, 200],
    [read, "PUT", "/v1/orgs/scoped", disable, 403],
    [read, "GET", "/v1/orgs/scoped/tokens", undefined, 200],
    [read, "GET", "/v1/orgs/foreign", undefined, 401],
    [read, "GET", "/v1/orgs/unregistered", undefined, 401],
    [read, "GET", "/v1/orgs", undefined, 403],
    [admin, "GET", "/v1/orgs/scoped/tokens", undefined, 200],
    [admin, "PUT", "/v1/orgs/scoped", { saml: { configured: true } }, 403],
    [admin, "POST", "/v1/orgs/scoped/tokens", { name: "n", kind: "console", scope: "admin" }, 403],
    [admin, "PUT", "/v1/orgs/scoped", disable, 200],
    [admin, "PUT", "/v1/orgs/foreign", disable, 401],
    [foreign.token, "GET", "/v1/orgs/foreign", undefined, 401],
  ]) {
    const answer = await as(token, method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  }
});

test("a panic is a 500 for one request: the next is fine and nothing is half-written", async () => {
  const org = await organisation(server, "panics");
  const { id } = (await org.scim("POST", "/Users", user("first"))).body;
  const crew = (await org.scim("POST", "/Groups", group("crew", [id]))).body.id;
  const state = async () => JSON.stringify([
    (await org.scim("GET", "/Users")).body,
    (await org.scim("GET", "/Groups")).body,
    (await org.console("/changes")).body,
  ]);
  const requests = [
    ["POST", "/Users", user("second")],
    ["PATCH", `/Groups/${crew}`, patch({ op: "remove", path: "members" }, { op: "replace", path: "displayName", value: "n" })],
    ["DELETE", `/Users/${id}`, undefined],
  ];
  for (const [method, path, body] of requests) {
    const before = await state();
    let panics = 0;
    // At the edge, then before each statement in the object, until the request has fewer than that and succeeds.
    for (const at of ["edge", ...Array(30).keys()]) {
      const answer = await org.scim(method, path, body, { "X-Test-Panic": String(at) });
      if (answer.status < 300) break;
      panics += 1;
      assert.equal(answer.status, 500, `${method} ${path} at ${at}: ${JSON.stringify(answer.body)}`);
      assert.ok(answer.body.detail.includes(answer.headers.get("x-request-id")), answer.body.detail);
      assert.ok(!answer.body.detail.includes("panic"), answer.body.detail);
      assert.equal(await state(), before, `${method} ${path} at ${at}`);
    }
    assert.ok(panics >= 7 && panics < 31, `${method} ${path}: ${panics} panics`);
    assert.notEqual(await state(), before, `${method} ${path} in the end`);
  }
});

test("if KV fails nobody has the new token, and the old one goes on", async () => {
  const org = await organisation(server, "kv");
  await server.kill();
  server = await start({ persist, withKv: false });
  const call = (method, path, body) => consoleCall(server, method, `/v1/orgs/kv${path}`, body);
  // A token that this isolate never saw is neither accepted nor refused.
  unavailable(await scimCall(`${server.url}/kv/scim/v2`, org.token, "GET", "/Users"), "token-store-failed", "unknown");
  assert.equal((await call("POST", "/tokens", { name: "minted", kind: "scim" })).status, 503);
  assert.equal((await call("POST", `/tokens/${org.tokenId}/rotate`, { graceSeconds: 0 })).status, 503);
  await server.kill();
  server = await start({ persist });
  const { tokens } = (await call("GET", "/tokens")).body;
  assert.deepEqual(tokens.map((t) => [t.id === org.tokenId, t.name, t.alive, t.expiresAt, t.replacedBy]), [
    [true, "test", true, null, null],
    [false, "minted", false, null, null],
    [false, "test", false, null, null],
  ]);
  assert.equal((await scimCall(`${server.url}/kv/scim/v2`, org.token, "GET", "/Users")).status, 200);
  assert.equal((await call("POST", `/tokens/${org.tokenId}/rotate`)).status, 201);
});

/** The answer to a fault of the platform: it says to send the request again, and does not blame the request. */
function unavailable(answer, code, what) {
  assert.equal(answer.status, 503, `${what}: ${JSON.stringify(answer.body)}`);
  assert.equal(answer.headers.get("retry-after"), "60", what);
  assert.equal(answer.headers.get("x-error-code"), code, what);
  assert.ok(answer.body.detail.endsWith(`[${code}]`), answer.body.detail);
}

test("what the platform does to an object, or to its storage, is 503 and nothing is half done", async () => {
  const org = await organisation(server, "platform");
  const state = async () => JSON.stringify([
    (await org.scim("GET", "/Users")).body,
    (await org.console("/changes")).body,
    (await org.console("/journal")).body.entries.map(({ outcome, detail }) => [outcome, detail]),
  ]);
  const codes = { overloaded: "directory-busy", retryable: "object-reset", durableObjectReset: "object-reset" };
  const own = { full: "storage-full", unreadable: "storage-failed", critical: "storage-failed" };
  let sent = 0;
  for (const [what, code] of [...Object.entries(codes), ...Object.entries(own)]) {
    // The call, each of its first statements and all after that one, the end of its transaction.
    for (const place of [...(what in codes ? ["before"] : []), 0, 1, 2, 3, 4, 5, "commit"]) {
      const before = await state();
      const answer = await org.scim("POST", "/Users", user(`never${(sent += 1)}`), { "X-Test-Fault": `${what} ${place}` });
      unavailable(answer, code, `${what} ${place}`);
      assert.equal(await state(), before, `${what} ${place}`);
    }
    const read = await org.scim("GET", "/Users", undefined, { "X-Test-Fault": `${what} 2` });
    unavailable(read, code, `${what} of a GET`);
    const console = await consoleCall(server, "GET", "/v1/orgs/platform", undefined, { "X-Test-Fault": `${what} 0` });
    unavailable(console, code, `${what} of the Console`);
  }
  for (const [what, code] of Object.entries(codes)) {
    // The answer is lost, and what was asked is done: whole, once. Sent again it is told apart.
    const key = { "Idempotency-Key": `key-${what}` };
    const lost = await org.scim("POST", "/Users", user(what), { ...key, "X-Test-Fault": `${what} after` });
    unavailable(lost, code, `${what} after`);
    const found = (await org.scim("GET", `/Users?filter=userName eq "${what}"`)).body;
    assert.equal(found.totalResults, 1, what);
    const again = await org.scim("POST", "/Users", user(what), key);
    assert.deepEqual([again.status, again.body.id], [201, found.Resources[0].id], what);
  }
  assert.equal((await org.scim("POST", "/Users", user("fine"))).status, 201);
});

test("a Bulk request fails whole where the storage fails in one of its operations", async () => {
  const org = await organisation(server, "bulkfault");
  const Operations = ["a", "b", "c"].map((name) => ({ method: "POST", path: "/Users", bulkId: name, data: user(name) }));
  const body = { schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], Operations };
  let failed = 0;
  for (let at = 0; ; at += 1) {
    const answer = await org.scim("POST", "/Bulk", body, { "X-Test-Fault": `full ${at}` });
    if (answer.status === 200) break;
    failed += 1;
    unavailable(answer, "storage-full", `statement ${at}`);
    assert.equal((await org.scim("GET", "/Users")).body.totalResults, 0, `statement ${at}`);
  }
  assert.ok(failed > 10, `${failed}`);
  assert.equal((await org.scim("GET", "/Users")).body.totalResults, 3);
});

test("an object that is aborted in the middle of a scan is 503, and the next one answers", async () => {
  const org = await organisation(server, "aborted");
  for (let part = 0; part < 3; part += 1) {
    const Operations = Array.from({ length: 1000 }, (_, n) => ({
      method: "POST", path: "/Users", bulkId: `b${n}`, data: { schemas: user("x").schemas, userName: `u${part}-${n}` },
    }));
    const body = { schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], Operations };
    assert.equal((await org.scim("POST", "/Bulk", body)).status, 200);
  }
  const scan = '/Users?count=1&filter=nickName eq "nobody"';
  const aborted = await org.scim("GET", scan, undefined, { "X-Test-Fault": "abort" });
  unavailable(aborted, "object-reset", "aborted");
  const next = await org.scim("GET", scan);
  assert.deepEqual([next.status, next.body.totalResults], [200, 0]);
  assert.equal((await org.scim("GET", "/Users?count=0")).body.totalResults, 3000);
});

test("if KV does not answer, tokens that were seen go on and others are told to come again", async () => {
  const org = await organisation(server, "kvdown");
  const down = { "X-Test-Fault": "kv" };
  unavailable(await org.scim("GET", "/Users", undefined, down), "token-store-failed", "never seen");
  assert.equal((await org.scim("GET", "/Users")).status, 200);
  assert.equal((await org.scim("POST", "/Users", user("a"), down)).status, 201, "seen");
  // One that was ended is not remembered as alive.
  const { token, id } = (await org.console("/tokens", "POST", { name: "ends", kind: "scim" })).body;
  const ending = (headers) => scimCall(org.base, token, "GET", "/Users", undefined, headers);
  assert.equal((await ending()).status, 200);
  assert.equal((await org.console(`/tokens/${id}`, "DELETE")).status, 204);
  unavailable(await ending(down), "token-store-failed", "revoked");
  assert.equal((await ending()).status, 401);
  const reader = (await org.console("/tokens", "POST", { name: "r", kind: "console", scope: "read" })).body.token;
  const read = (headers) => scimCall(`${server.url}/v1/orgs/kvdown`, reader, "GET", "", undefined, headers);
  unavailable(await read(down), "token-store-failed", "a Console token never seen");
  assert.equal((await read()).status, 200);
  assert.equal((await read(down)).status, 200);
});

test("every answer is kept by nobody and taken for nothing else", async () => {
  const org = await organisation(server, "headers");
  const { id } = (await org.scim("POST", "/Users", user("h"))).body;
  for (const [method, path, body] of [
    ["GET", "/Users"], ["GET", `/Users/${id}`], ["GET", "/Schemas"], ["GET", "/Users/none"], ["GET", "/nowhere"],
    ["POST", "/Users", user("h")], ["PATCH", `/Users/${id}`, patch({ op: "replace", path: "title", value: "t" })],
    ["POST", "/.search", { schemas: ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] }], ["DELETE", `/Users/${id}`],
  ]) held(await org.scim(method, path, body), `${method} ${path}`);
  for (const path of ["", "/snapshot", "/changes", "/users", "/nothing"]) held(await org.console(path), path);
  for (const path of ["/healthz", "/v1/openapi.json", "/", "/v1"]) held(await fetch(server.url + path), path);
  held(await scimCall(org.base, "wrong", "GET", "/Users"), "401");
  held(await org.scim("GET", "/Users", undefined, { "X-Test-Panic": "edge" }), "500");

  function held({ headers }, what) {
    assert.equal(headers.get("cache-control"), "no-store", what);
    assert.equal(headers.get("x-content-type-options"), "nosniff", what);
  }
});

test("an acknowledged write survives SIGKILL", async () => {
  const org = await organisation(server, "killed");
  const { id } = (await org.scim("POST", "/Users", user("kept"))).body;
  await server.kill();
  server = await start({ persist });
  const { status, body } = await scimCall(`${server.url}/killed/scim/v2`, org.token, "GET", `/Users/${id}`);
  assert.deepEqual([status, body.userName], [200, "kept"]);
});

test("without a key the Console API says how to set one", async () => {
  const bare = await start({ consoleKey: "" });
  try {
    const answer = await consoleCall({ url: bare.url, consoleKey: "x" }, "GET", "/v1/orgs");
    assert.equal(answer.status, 503);
    assert.match(answer.body.detail, /wrangler secret put CONSOLE_KEY/);
  } finally {
    await bare.stop();
  }
});
