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
  // Another organisation's token, and one that nobody minted, made to point at "theirs".
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
    [read, "GET", "/v1/orgs", undefined, 401],
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
  assert.equal((await call("POST", "/tokens", { name: "minted", kind: "scim" })).status, 500);
  assert.equal((await call("POST", `/tokens/${org.tokenId}/rotate`, { graceSeconds: 0 })).status, 500);
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
