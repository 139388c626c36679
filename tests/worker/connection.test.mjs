// The state of the connection in workerd, right after each request: the situations in which no user is provisioned or soon
// none, recovery, and tokens at wrong addresses.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, test } from "node:test";
import { consoleCall, organisation, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

let server;
before(async () => (server = await start()));
after(() => server.stop());

const DAY = 24 * 3_600_000;

/** The state and the codes of the warnings. */
async function state(org) {
  const { body } = await org.console("");
  return [body.connection.state, ...body.warnings.map(({ code }) => code)].join(" ");
}

/** A push that must be answered so. */
async function push(org, token, status, name = "a") {
  const answer = await scimCall(org.base, token, "POST", "/Users", user(name));
  assert.equal(answer.status, status, JSON.stringify(answer.body));
}

test("waiting, then connected by a test call; a Console token's request does not count", async () => {
  const org = await organisation(server, "first");
  const read = (await org.console("/tokens", "POST", { name: "read", kind: "console", scope: "read" })).body.token;
  assert.equal((await scimCall(server.url, read, "GET", "/v1/orgs/first")).body.connection.state, "waiting");
  assert.equal(await state(org), "waiting");
  const agent = { "User-Agent": "Okta SCIM Client 1.0.0", "CF-Connecting-IP": "203.0.113.7" };
  assert.equal((await org.scim("GET", "/Users?filter=userName+eq+%22x%22&count=1", undefined, agent)).status, 200);
  const { body } = await org.console("");
  assert.equal(body.scimBaseUrl, org.base);
  const { at, ...last } = body.connection.lastRequest;
  assert.ok(Math.abs(Date.now() - Date.parse(at)) < 60_000, at);
  assert.deepEqual(last, { method: "GET", path: "/Users", status: 200, token: { id: org.tokenId, name: "test" }, address: "203.0.113.7" });
  assert.deepEqual([body.connection.state, body.connection.idp, body.connection.lastPushAt], ["connected", "Okta", null]);
  const [token] = (await org.console("/tokens")).body.tokens;
  assert.deepEqual([token.lastUsedAt, token.lastAddress, token.idp, token.usedSinceRotation], [at, "203.0.113.7", "Okta", null]);
  // The facts outlive the object, once they are saved.
  for (let saved = 0; saved < 100; saved++) {
    await server.evict("first");
    if ((await org.console("")).body.connection.lastRequest) break;
    await org.scim("GET", "/Users");
    await sleep(6_000);
  }
  assert.equal(await state(org), "connected");
});

test("the token in use ends in 3 days beside an endless spare", async () => {
  const org = await organisation(server, "ending", { name: "soon", kind: "scim", expiresAt: new Date(Date.now() + 3.5 * DAY).toISOString() });
  await org.console("/tokens", "POST", { name: "spare", kind: "scim" });
  await push(org, org.token, 201);
  assert.equal(await state(org), "warning token-ending");
  assert.equal((await org.console("")).body.tokenDaysLeft, 3);
});

test("rotated and the old token is sent; its grace ends; the new one is pasted", async () => {
  const org = await organisation(server, "rotated");
  await push(org, org.token, 201);
  const rotated = await org.console(`/tokens/${org.tokenId}/rotate`, "POST", { graceSeconds: 2 });
  const { replaces, token } = rotated.body;
  await sleep(5);
  await push(org, org.token, 409);
  assert.equal(await state(org), "warning token-ending rotated-token-used");
  await sleep(Math.max(0, Date.parse(replaces.endsAt) - Date.now() + 10));
  await push(org, org.token, 401);
  assert.equal(await state(org), "failing no-live-token ended-token-used");
  assert.equal((await org.console("")).body.connection.lastRefusal.code, "token-expired");
  await push(org, token, 201, "b");
  assert.equal(await state(org), "warning ended-token-used");
  const old = (await org.console("/tokens")).body.tokens.find(({ id }) => id === org.tokenId);
  assert.equal(old.usedSinceRotation, true);
});

test("the guard blocks", async () => {
  const org = await organisation(server, "guarded");
  const ids = [];
  for (const name of ["a", "b"]) ids.push((await org.scim("POST", "/Users", user(name))).body.id);
  await org.console("", "PATCH", { guard: { limit: 1, windowSeconds: 3600 } });
  assert.equal((await org.scim("DELETE", `/Users/${ids[0]}`)).status, 204);
  assert.equal(await state(org), "connected");
  assert.equal((await org.scim("DELETE", `/Users/${ids[1]}`)).status, 429);
  assert.equal(await state(org), "failing guard-blocks");
  assert.deepEqual((await org.console("")).body.guard, { limit: 1, windowSeconds: 3600, used: 1, blocked: 1 });
});

test("pushes while SCIM is off, and on again", async () => {
  const org = await organisation(server, "off");
  await push(org, org.token, 201);
  await org.console("", "PATCH", { scim: { enabled: false } });
  assert.equal(await state(org), "off");
  await push(org, org.token, 403, "b");
  assert.equal(await state(org), "off pushes-while-off");
  await sleep(5);
  await org.console("", "PATCH", { scim: { enabled: true } });
  assert.equal(await state(org), "waiting");
  await push(org, org.token, 201, "b");
  assert.equal(await state(org), "connected");
});

test("five pushes of five refused, and six that are accepted", async () => {
  const org = await organisation(server, "refused");
  for (let n = 0; n < 5; n++) assert.equal((await org.scim("POST", "/Users", { displayName: "x" })).status, 400);
  assert.equal(await state(org), "failing pushes-refused");
  assert.equal((await org.console("")).body.warnings[0].count, 5);
  for (let n = 0; n < 6; n++) await push(org, org.token, 201, `u${n}`);
  assert.equal(await state(org), "connected");
});

test("a token at a wrong address is answered as ever, and its organisation is told", async () => {
  const org = await organisation(server, "near");
  await organisation(server, "other-one");
  const before = (await org.console("/journal")).body.entries;
  let count = 0;
  for (const [path, status] of [
    ["/near/scim/Users", 404],
    ["/near/scim/v2/near/scim/v2/Users", 404],
    ["/nearr/scim/v2/Users", 401],
    ["/other-one/scim/v2/Users", 401],
    ["/Near/scim/v2/Users", 404],
    [`/${"x".repeat(400)}/scim/v2/Users`, 404],
  ]) {
    const answer = await scimCall(server.url, org.token, "POST", path, user("a"));
    const stranger = await scimCall(server.url, `${org.token}x`, "POST", path, user("a"));
    assert.deepEqual([answer.status, answer.written], [status, path.startsWith("/near/scim/v2") ? 1 : 0], path);
    if (status === 404 && !path.startsWith("/near/scim/v2")) assert.equal(stranger.body.detail, answer.body.detail, path);
    count += 1;
    const { connection, warnings } = (await org.console("")).body;
    const { nearMiss, ...rest } = connection;
    assert.deepEqual([nearMiss.path, nearMiss.count, nearMiss.method], [path.slice(0, 300), count, "POST"], path);
    assert.deepEqual(nearMiss.token, { id: org.tokenId, name: "test" });
    assert.deepEqual([rest.state, rest.lastRequest, rest.lastPushAt, rest.lastRefusal, warnings], ["waiting", null, null, null, []], path);
  }
  // The one below its own address alone has an entry, as ever.
  assert.equal((await org.console("/journal")).body.entries.length, before.length + 1);
  assert.equal((await consoleCall(server, "GET", "/v1/orgs/other-one")).body.connection.nearMiss, null);
  await push(org, org.token, 201);
  assert.equal(await state(org), "connected");
});
