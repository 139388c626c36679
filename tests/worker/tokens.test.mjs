// Tokens in workerd: rotation, revocation with everything cached, address ranges, rate limits.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { consoleCall, organisation, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

const DAY = 24 * 3600;
let server;
let acme;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme");
});
after(() => server.stop());

const key = (token) => `t/${createHash("sha256").update(token).digest("hex")}`;
const record = async (token) => JSON.parse(await server.kv.get(key(token)));
const status = async (org, token) => (await scimCall(org.base, token, "GET", "/Users?count=0")).status;
const reads = async (org, token, query = "") => scimCall(`${server.url}/v1/orgs/${org.org}`, token, "GET", query);

async function mint(org, body) {
  const minted = await org.console("/tokens", "POST", { name: "minted", kind: "scim", ...body });
  assert.equal(minted.status, 201, JSON.stringify(minted.body));
  return minted.body;
}

test("a token is rotated: both work until the grace ends", async () => {
  const old = await mint(acme, { name: "Okta", dialect: "okta", addressRanges: ["127.0.0.0/8", "::1"] });
  const rotated = await acme.console(`/tokens/${old.id}/rotate`, "POST", { graceSeconds: 3 });
  assert.equal(rotated.status, 201, JSON.stringify(rotated.body));
  const { token, replaces, ...shown } = rotated.body;
  assert.deepEqual(Object.keys(rotated.body).sort(), [...Object.keys(old), "replaces"].sort());
  for (const name of ["name", "kind", "dialect", "scope", "addressRanges"]) assert.deepEqual(shown[name], old[name], name);
  assert.equal(replaces.id, old.id);
  assert.deepEqual([await status(acme, old.token), await status(acme, token)], [200, 200]);
  const { expiresAt, end, revokedAt } = await record(old.token);
  assert.deepEqual([expiresAt, end, revokedAt], [Date.parse(replaces.endsAt), Date.parse(replaces.endsAt), undefined]);
  const listed = (await acme.console("/tokens")).body.tokens.find((one) => one.id === old.id);
  assert.deepEqual([listed.expiresAt, listed.replacedBy, listed.token], [replaces.endsAt, shown.id, undefined]);
  await sleep(Math.max(0, Date.parse(replaces.endsAt) - Date.now()) + 20);
  // Its record in KV and in the isolate's cache are as before.
  assert.deepEqual([await status(acme, old.token), await status(acme, token)], [401, 200]);
  assert.ok(await server.kv.get(key(old.token)));
});

test("without a body there is a day, and what cannot be rotated says why", async () => {
  const old = await mint(acme, { expiresAt: new Date(Date.now() + 100 * DAY * 1000).toISOString() });
  const rotate = (id, body) => acme.console(`/tokens/${id}/rotate`, "POST", body);
  const { status: made, body } = await rotate(old.id);
  assert.equal(made, 201, JSON.stringify(body));
  const hours = (Date.parse(body.replaces.endsAt) - Date.now()) / 3_600_000;
  assert.ok(hours > 23 && hours <= 24, `${hours}`);
  assert.equal(body.daysLeft, 99);
  const before = (await acme.console("/tokens")).body.tokens.length;
  for (const [id, sent, expected, says] of [
    [old.id, {}, 409, body.id],
    [acme.tokenId, { graceSeconds: 1e9 }, 400, "graceSeconds"],
    [acme.tokenId, { grace: 1 }, 400, "grace"],
    ["nobody", {}, 404, "nobody"],
    ["no body", {}, 404, "no such token"],
  ]) {
    const refused = await rotate(encodeURIComponent(id), sent);
    assert.equal(refused.status, expected, JSON.stringify(refused.body));
    assert.ok(refused.body.detail.includes(says), refused.body.detail);
    assert.match(refused.headers.get("content-type"), /^application\/problem\+json/);
  }
  assert.equal((await acme.console("/tokens")).body.tokens.length, before);
  assert.equal((await consoleCall(server, "POST", "/v1/orgs/nobody/tokens/x/rotate", {})).status, 404);
  assert.equal((await acme.console(`/tokens/${old.id}/rotate`)).status, 405);
});

test("an admin token mints and rotates what it may itself, and what it minted is listed or goes along", async () => {
  const org = await organisation(server, "family");
  const expiresAt = new Date(Date.now() + 10 * DAY * 1000).toISOString();
  const within = { expiresAt, addressRanges: ["127.0.0.0/8", "::1"] };
  const boss = await mint(org, { kind: "console", scope: "admin", ...within });
  const other = await mint(org, { kind: "console", scope: "admin" });
  const call = (by, method, path, body) => scimCall(`${server.url}/v1/orgs/family`, by.token, method, `/tokens${path}`, body);
  const read = { name: "read", kind: "console", scope: "read" };
  const made = {};
  for (const [name, body, expected] of [
    ["admin", { ...read, scope: "admin", ...within }, 403],
    ["wider", { ...read, expiresAt }, 403],
    ["later", { ...read, addressRanges: within.addressRanges }, 403],
    ["read", { ...read, expiresAt, addressRanges: ["127.0.0.1"] }, 201],
    ["scim", { name: "scim", kind: "scim" }, 201],
  ]) {
    made[name] = await call(boss, "POST", "", body);
    assert.equal(made[name].status, expected, `${name}: ${JSON.stringify(made[name].body)}`);
    if (expected === 201) assert.equal(made[name].body.mintedBy, boss.id);
    else if (name !== "admin") assert.ok(made[name].body.detail.includes(`expiresAt must be ${expiresAt}`), made[name].body.detail);
  }
  const [reader, pusher] = [made.read.body, made.scim.body];
  for (const [by, what, expected] of [[reader, reader, 403], [boss, other, 403], [org, boss, 401], [boss, reader, 201], [boss, boss, 201]]) {
    const rotated = await call(by, "POST", `/${what.id}/rotate`, {});
    assert.equal(rotated.status, expected, JSON.stringify(rotated.body));
    if (expected === 201) assert.ok(rotated.body.expiresAt <= expiresAt, rotated.body.expiresAt);
    if (what === boss && expected === 201) made.successor = rotated.body;
    if (what === reader && expected === 201) made.next = rotated.body;
  }
  assert.equal((await reads(org, made.next.token)).status, 200);
  assert.equal((await reads(org, made.successor.token)).status, 200);
  assert.equal((await call(boss, "DELETE", `/${other.id}`)).status, 403);
  // Another admin token is among what it minted: the whole call changes nothing.
  assert.equal((await call(boss, "DELETE", `/${boss.id}?children=true`)).status, 403);
  assert.equal((await call(boss, "DELETE", `/${boss.id}?children=yes`)).status, 400);
  assert.equal(await status(org, pusher.token), 200);
  const first = await call(boss, "DELETE", `/${boss.id}`);
  assert.equal(first.status, 200, JSON.stringify(first.body));
  const minted = [made.next, pusher, reader, made.successor].map(({ id }) => id).sort();
  assert.deepEqual(first.body.children.map(({ id }) => id).sort(), minted);
  const again = await org.console(`/tokens/${boss.id}?children=true`, "DELETE");
  assert.equal(again.status, 204, JSON.stringify(again.body));
  assert.deepEqual([await status(org, pusher.token), (await reads(org, made.successor.token)).status], [401, 401]);
  assert.equal((await reads(org, other.token)).status, 200);
});

test("a token that is revoked, or whose grace is over, is refused at once, whatever KV and the isolate remember", async () => {
  const org = await organisation(server, "ended");
  const ends = {
    revoked: (id) => org.console(`/tokens/${id}`, "DELETE"),
    rotated: (id) => org.console(`/tokens/${id}/rotate`, "POST", { graceSeconds: 0 }),
  };
  for (const [how, end] of Object.entries(ends)) {
    for (const kind of ["scim", "console"]) {
      const { id, token } = await mint(org, kind === "scim" ? { kind } : { kind, scope: "read" });
      const use = async () => (kind === "scim" ? await status(org, token) : (await reads(org, token)).status);
      const at = `${kind} ${how}`;
      // The first call fills the isolate's cache, the second is answered from it.
      assert.deepEqual([await use(), await use()], [200, 200], at);
      const before = await record(token);
      const last = await org.seq();
      const waiting = kind === "console" ? reads(org, token, `/changes?after=${last}&wait=25`) : null;
      for (let n = 0; waiting && n < 5; n++) await org.seq();
      const ended = await end(id);
      assert.ok(ended.status < 300, JSON.stringify(ended.body));
      assert.equal(await use(), 401, at);
      if (waiting) {
        const later = org.console(`/changes?after=${last}&wait=2`);
        assert.equal(await Promise.race([waiting.then(() => "woken"), later.then(() => "late")]), "woken", at);
        assert.equal((await waiting).status, 401, at);
      }
      const { expiresAt, end: ends, revokedAt, ...rest } = await record(token);
      assert.deepEqual(rest, before, at);
      assert.ok(ends <= Date.now(), at);
      assert.deepEqual([expiresAt, revokedAt], [how === "revoked" ? undefined : ends, ends], at);
      // Nor with the record as it was, wherever an old copy of it may still be read.
      await server.kv.put(key(token), JSON.stringify(before));
      assert.equal(await use(), 401, at);
    }
  }
  assert.equal((await org.scim("POST", "/Users", user("a"))).status, 201);
});

test("address ranges are held by KV's record and by the object, and the journal says who was outside", async () => {
  const org = await organisation(server, "ranges");
  const { id, token } = await mint(org, { name: "Entra", addressRanges: ["203.0.113.0/24", "2001:DB8::/32"] });
  for (const [address, expected] of [
    ["203.0.113.7", 200],
    ["::ffff:203.0.113.7", 200],
    ["2001:db8:1::7", 200],
    ["198.51.100.7", 401],
    ["2001:db9::7", 401],
  ]) {
    const answer = await scimCall(org.base, token, "GET", "/Users", undefined, { "CF-Connecting-IP": address });
    assert.equal(answer.status, expected, address);
    if (expected === 401) assert.match(answer.body.detail, /unknown, revoked, expired/);
  }
  // Nor where KV's record does not have them.
  const { ranges, ...old } = await record(token);
  assert.deepEqual(ranges, ["203.0.113.0/24", "2001:db8::/32"]);
  await server.kv.put(key(token), JSON.stringify(old));
  const entries = (await org.console(`/journal?token=${id}`)).body.entries;
  assert.deepEqual(entries.map((e) => [e.status, e.names]), [[401, ["198.51.100.7", "2001:db9::7"]]]);
  assert.match(entries[0].detail, /^The address 2001:db9::7 is outside the address ranges of this token/);
  const wrong = await org.console("/tokens", "POST", { name: "n", kind: "scim", addressRanges: ["10.0.0.0/8", "10.0.0.1/8"] });
  assert.deepEqual([wrong.status, wrong.body.detail.includes('"10.0.0.1/8"')], [400, true], wrong.body.detail);
  const listed = (await org.console("/tokens")).body.tokens.map((one) => one.addressRanges);
  assert.deepEqual(listed, [[], ["203.0.113.0/24", "2001:db8::/32"]]);
});
