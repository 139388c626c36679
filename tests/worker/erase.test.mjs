// Erasing an organisation, interrupted at every point, and where its data is kept, in workerd.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { consoleCall, group, organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

const persist = mkdtempSync(join(tmpdir(), "scim-edge-erase-"));
let server;
before(async () => (server = await start({ persist })));
after(async () => {
  await server.stop();
  rmSync(persist, { recursive: true, force: true });
});

const key = (token) => `t/${createHash("sha256").update(token).digest("hex")}`;
const erase = (org, headers) => consoleCall(server, "DELETE", `/v1/orgs/${org}?confirm=${org}`, undefined, headers);
const listed = async () => (await consoleCall(server, "GET", "/v1/orgs")).body.organisations;
const sameBody = (answer) =>
  JSON.stringify(answer.body).replaceAll(answer.headers.get("x-request-id"), "request") + answer.status;

/** An organisation with a user, a group, three tokens and something in its journal. */
async function filled(name) {
  const org = await organisation(server, name);
  const { id } = (await org.scim("POST", "/Users", user("ada"))).body;
  assert.equal((await org.scim("POST", "/Groups", group("crew", [id]))).status, 201);
  assert.equal((await org.scim("POST", "/Users", user("ada"))).status, 409);
  const mint = async (scope) => (await org.console("/tokens", "POST", { name: scope, kind: "console", scope })).body.token;
  return { ...org, admin: await mint("admin"), read: await mint("read"), userId: id };
}

test("who does not say what is erased changes nothing", async () => {
  const org = await filled("meant");
  for (const query of ["", "?confirm", "?confirm=true", "?confirm=Meant", "?confirm=meant&confirm=meant", "?org=meant"]) {
    const answer = await consoleCall(server, "DELETE", `/v1/orgs/meant${query}`);
    assert.equal(answer.status, 400, query);
    if (!/^\?(org|.*&)/.test(query)) assert.match(answer.body.detail, /DELETE \/v1\/orgs\/meant\?confirm=meant/);
  }
  for (const token of [org.admin, org.read]) {
    const answer = await consoleCall({ url: server.url, consoleKey: token }, "DELETE", "/v1/orgs/meant?confirm=meant");
    assert.equal(answer.status, 403, JSON.stringify(answer.body));
  }
  assert.equal((await consoleCall(server, "DELETE", "/v1/orgs/nobody?confirm=nobody")).status, 404);
  assert.deepEqual((await listed()).map(({ id, erasing }) => [id, erasing]), [["meant", undefined]]);
  assert.equal((await org.scim("GET", "/Users")).body.totalResults, 1);
});

test("an erased organisation is gone, its tokens open nothing and write nothing, and the name starts anew", async () => {
  const org = await filled("gone");
  const other = await filled("stays");
  // A client waits for a change meanwhile.
  const changes = `/v1/orgs/gone/changes?wait=25&after=${await org.seq()}`;
  const waiting = consoleCall({ url: server.url, consoleKey: org.read }, "GET", changes);
  const before = await other.console("/journal");
  const answer = await erase("gone");
  assert.deepEqual([answer.status, answer.body], [204, null]);
  assert.equal((await waiting).status, 401, "a reader that waited is sent away");
  const tokens = [org.token, org.admin, org.read];
  for (const token of tokens) assert.equal(await server.kv.get(key(token)), null);
  assert.ok(await server.kv.get(key(other.token)));
  assert.equal((await consoleCall(server, "GET", "/v1/orgs/gone")).status, 404);
  assert.equal((await erase("gone")).status, 404);
  assert.ok(!(await listed()).some((entry) => entry.id === "gone"));
  assert.deepEqual((await other.console("/journal")).body, before.body);

  // KV may still say for a minute that the tokens are good: then the object is asked, which belongs to no organisation
  // any more.
  const never = (await scimCall(`${server.url}/never/scim/v2`, "scim_x", "GET", "/Users")).status;
  assert.equal(never, 401);
  const unknown = await scimCall(`${server.url}/never/scim/v2`, other.token, "GET", "/Users");
  await server.kv.put(key(org.token), JSON.stringify({ v: 1, org: "gone", kind: "scim", dialect: "auto" }));
  for (const [method, path, body] of [
    ["GET", "/Users"],
    ["POST", "/Users", user("ghost")],
    ["GET", `/Users/${org.userId}`],
    ["PATCH", "/Users/x", "{"],
  ]) {
    const stale = await scimCall(org.base, org.token, method, path, body);
    assert.deepEqual([sameBody(stale), stale.written], [sameBody(unknown), 0], `${method} ${path}`);
  }

  const anew = await organisation(server, "gone");
  const { body } = await anew.console("");
  assert.deepEqual(
    [body.counts, body.lastSeq, body.lastChangeAt],
    [{ users: 0, activeUsers: 0, groups: 0, memberships: 0 }, 0, null],
  );
  assert.deepEqual((await anew.console("/journal")).body.entries, []);
  assert.deepEqual((await anew.console("/tokens")).body.tokens.map((token) => token.id), [anew.tokenId]);
  assert.equal((await scimCall(anew.base, org.token, "GET", "/Users")).status, 401);
  const made = await anew.scim("POST", "/Users", user("ada"));
  assert.deepEqual([made.status, made.written, await anew.seq()], [201, 6, 1]);
  assert.notEqual(made.body.id, org.userId);
});

test("a registration that was interrupted says so, and is repeated", async () => {
  const put = (headers) => consoleCall(server, "PUT", "/v1/orgs/half", { displayName: "Half" }, headers);
  assert.equal((await put({ "X-Test-Panic": "0" })).status, 500);
  for (const [method, path, body] of [["GET", ""], ["GET", "/users"], ["POST", "/tokens", { name: "n", kind: "scim" }]]) {
    const answer = await consoleCall(server, method, `/v1/orgs/half${path}`, body);
    assert.equal(answer.status, 409);
    assert.match(answer.body.detail, /interrupted. Repeat it: PUT/);
  }
  assert.equal((await put()).status, 200);
  assert.equal((await consoleCall(server, "GET", "/v1/orgs/half")).body.displayName, "Half");
});

test("whatever interrupts it, it is repeated until it is done", async () => {
  const org = await filled("broken");
  const pushes = [];
  // Before each statement in the object, until a call has fewer than that.
  for (let at = 0; ; at++) {
    const answer = await erase("broken", { "X-Test-Panic": String(at) });
    if (answer.status === 204) break;
    assert.equal(answer.status, 500, `at ${at}`);
    assert.ok((await listed()).some((entry) => entry.id === "broken" && entry.erasing), `at ${at}`);
    for (const [method, body] of [["GET"], ["PUT", {}], ["PATCH", {}]]) {
      const refused = await consoleCall(server, method, "/v1/orgs/broken", body);
      assert.equal(refused.status, 409, `${method} at ${at}`);
      assert.match(refused.body.detail, /DELETE \/v1\/orgs\/broken\?confirm=broken/);
    }
    const minted = await org.console("/tokens", "POST", { name: "n", kind: "scim" });
    assert.equal(minted.status, 409, `a token at ${at}`);
    pushes.push((await org.scim("GET", "/Users")).status);
  }
  // Once all tokens are ended no client pushes any more, and that is long before the end.
  assert.match(pushes.join(), /^(200,)+401(,401)+$/);
  assert.ok(!(await listed()).some((entry) => entry.id === "broken"));

  // Between the object's end and the registry's: the object is empty, the name is not free yet.
  const late = await filled("late");
  assert.equal((await erase("late", { "X-Test-Panic": "forget" })).status, 500);
  assert.equal((await consoleCall(server, "PUT", "/v1/orgs/late", {})).status, 409);
  await server.kill();
  server = await start({ persist });
  assert.equal((await consoleCall(server, "GET", "/v1/orgs/late")).status, 409, "a restart forgets nothing");
  assert.equal((await scimCall(`${server.url}/late/scim/v2`, late.token, "GET", "/Users")).status, 401);
  assert.equal((await erase("late")).status, 204);
  assert.equal((await organisation(server, "late")).org, "late");
});

test("schemas of an erased organisation are not read into the next one of its name", async () => {
  const urn = "urn:example:badge";
  const register = (org, type) => org.console(`/schemas/${urn}`, "PUT", { name: "B", attributes: [{ name: "no", type }] });
  const first = await organisation(server, "schemas");
  assert.equal((await register(first, "integer")).status, 201);
  assert.equal((await first.scim("POST", "/Users", user("a", { [urn]: { no: 1 } }))).status, 201);
  assert.equal((await erase("schemas")).status, 204);
  const second = await organisation(server, "schemas");
  assert.equal((await register(second, "string")).status, 201);
  assert.equal((await second.scim("POST", "/Users", user("a", { [urn]: { no: "x" } }))).status, 201);
});

test("PATCH changes settings and registers nobody; a new name is in the registry too", async () => {
  const org = await filled("patched");
  assert.equal((await consoleCall(server, "PATCH", "/v1/orgs/unknown", { displayName: "U" })).status, 404);
  assert.ok(!(await listed()).some((entry) => entry.id === "unknown"));
  const as = (token, method, body) => consoleCall({ url: server.url, consoleKey: token }, method, "/v1/orgs/patched", body);
  for (const [token, method, body, status, name] of [
    [server.consoleKey, "PATCH", { displayName: "One" }, 200, "One"],
    [org.admin, "PATCH", { displayName: "Two" }, 200, "Two"],
    [org.admin, "PUT", { displayName: "Three" }, 200, "Three"],
    [org.read, "PATCH", { displayName: "Four" }, 403, "Three"],
    [org.admin, "PATCH", { displayName: "Four", saml: { configured: true } }, 403, "Three"],
    [org.admin, "PATCH", { displayName: "Four", locationHint: "weur" }, 403, "Three"],
    [server.consoleKey, "PATCH", { displayName: "Four", saml: { configured: false } }, 409, "Three"],
  ]) {
    const answer = await as(token, method, body);
    const at = `${method} ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`;
    assert.equal(answer.status, status, at);
    assert.equal((await org.console("")).body.displayName, name, at);
    assert.equal((await listed()).find((entry) => entry.id === "patched").displayName, name, at);
  }
  // A refusal leaves no organisation behind.
  const early = await consoleCall(server, "PUT", "/v1/orgs/early", { scim: { enabled: true } });
  assert.deepEqual([early.status, (await consoleCall(server, "GET", "/v1/orgs/early")).status], [409, 404]);
});

test("where the data is: chosen at registration, shown, and fixed", async () => {
  const put = (body, method = "PUT") => consoleCall(server, method, "/v1/orgs/placed", body);
  for (const [body, says] of [
    [{ jurisdiction: "eu" }, /JURISDICTIONS/],
    [{ locationHint: "europe" }, /weur/],
  ]) {
    const refused = await put(body);
    assert.deepEqual([refused.status, says.test(refused.body.detail)], [400, true], JSON.stringify(refused.body));
    assert.equal((await put(undefined, "GET")).status, 404);
  }
  const made = await put({ locationHint: "weur" });
  assert.deepEqual([made.status, made.body.jurisdiction, made.body.locationHint], [201, null, "weur"]);
  for (const [body, status] of [[{ locationHint: "weur" }, 200], [{}, 200], [{ locationHint: "enam" }, 409], [{ jurisdiction: "eu" }, 409]]) {
    for (const method of ["PUT", "PATCH"]) {
      const answer = await put(body, method);
      assert.equal(answer.status, status, `${method} ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`);
      if (status === 409) assert.ok(answer.body.detail.includes(Object.keys(body)[0]), answer.body.detail);
    }
  }
  assert.equal((await put(undefined, "GET")).body.locationHint, "weur");
  assert.equal((await listed()).find((entry) => entry.id === "placed").locationHint, "weur");
});

test("a jurisdiction that the platform has not is never ignored", async () => {
  const listing = await start({ vars: { JURISDICTIONS: "eu" } });
  try {
    // workerd itself has no jurisdictions: what is allowed by the variable is refused by the platform.
    const refused = await consoleCall(listing, "PUT", "/v1/orgs/acme", { jurisdiction: "eu" });
    assert.deepEqual([refused.status, refused.body.detail.includes('"eu"')], [503, true], JSON.stringify(refused.body));
    assert.equal((await consoleCall(listing, "GET", "/v1/orgs/acme")).status, 404);
    const org = await organisation(listing, "acme");
    // A token's record names the jurisdiction, and every call goes there.
    const record = { v: 1, org: "acme", jurisdiction: "eu", kind: "scim", dialect: "auto" };
    await listing.kv.put(key(org.token), JSON.stringify(record));
    const answer = await org.scim("GET", "/Users");
    assert.deepEqual([answer.status, answer.body.detail.includes('"eu"')], [503, true], JSON.stringify(answer.body));
    assert.equal((await organisation(listing, "plain")).org, "plain");
  } finally {
    await listing.stop();
  }
});
