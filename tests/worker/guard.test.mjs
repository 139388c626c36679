// Sync options and the deprovisioning guard over HTTP.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { group, organisation, patch, user } from "./client.mjs";
import { start } from "./harness.mjs";

const off = patch({ op: "replace", value: { active: false } });
let server;
let acme;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme");
});
after(() => server.stop());

const set = async (body) => {
  const put = await acme.console("", "PUT", body);
  assert.equal(put.status, 200, JSON.stringify(put.body));
  return put.body;
};

test("the guard refuses with 429 until it is released", async () => {
  const ids = [];
  for (let n = 0; n < 6; n++) ids.push((await acme.scim("POST", "/Users", user(`g${n}`))).body.id);
  const { id } = (await acme.scim("POST", "/Groups", group("guarded", ids))).body;
  assert.deepEqual((await set({ guard: { limit: 2, windowSeconds: 3600 } })).guard, { limit: 2, windowSeconds: 3600, used: 0, blocked: 0 });
  const seq = await acme.seq();
  const empty = patch({ op: "remove", path: "members" });
  const refused = await acme.scim("PATCH", `/Groups/${id}`, empty);
  assert.equal(refused.status, 429, JSON.stringify(refused.body));
  assert.equal(refused.headers.get("retry-after"), "3600");
  assert.match(refused.body.detail, /at most 2 users .* 3600 seconds.*guard\/release/);
  assert.ok(refused.written <= 1);
  assert.equal((await acme.scim("PATCH", `/Groups/${id}`, empty)).written, 0, "repeated");
  assert.equal(await acme.seq(), seq);

  const one = await acme.scim("PATCH", `/Users/${ids[0]}`, off);
  assert.deepEqual([one.status, one.written], [200, 2], "a guarded deactivation writes what any other does");
  assert.equal((await acme.scim("DELETE", `/Users/${ids[1]}`)).status, 204);
  assert.equal((await acme.scim("PATCH", `/Users/${ids[2]}`, off)).status, 429);

  const released = await acme.console("/guard/release", "POST", { seconds: 600 });
  assert.equal(released.status, 200, JSON.stringify(released.body));
  assert.ok(released.body.guardReleasedUntil);
  assert.equal((await acme.scim("PATCH", `/Groups/${id}`, empty)).status, 204);
  await set({ guard: null });
});

test("a part of a push that is switched off is taken out", async () => {
  const { id } = (await acme.scim("POST", "/Users", user("opt", { title: "t" }))).body;
  await set({ sync: { updateProfiles: false, createUsers: false, pushGroups: false }, reservedGroupNames: ["owners"] });
  const both = patch({ op: "replace", value: { active: false, title: "u" } });
  const { status, body } = await acme.scim("PATCH", `/Users/${id}`, both);
  assert.deepEqual([status, body.active, body.title], [200, false, "t"]);
  for (const [method, path, sent, says] of [
    ["POST", "/Users", user("more"), /sync\.createUsers/],
    ["POST", "/Groups", group("more"), /sync\.pushGroups/],
    ["PATCH", `/Users/${id}`, patch({ op: "replace", path: "title", value: "u" }), /sync\.updateProfiles/],
  ]) {
    const answer = await acme.scim(method, path, sent);
    assert.equal(answer.status, 403, JSON.stringify(answer.body));
    assert.match(answer.body.detail, says);
  }
  await set({ sync: { pushGroups: true } });
  const reserved = await acme.scim("POST", "/Groups", group("OWNERS"));
  assert.deepEqual([reserved.status, reserved.body.scimType], [409, "uniqueness"]);
});

test("web pages of listed origins may read the Console's API", async () => {
  const origin = "https://console.test";
  const listed = await start({ vars: { CONSOLE_ORIGINS: `https://a.test, ${origin}` } });
  try {
    const ask = (method, headers) => fetch(`${listed.url}/v1/orgs`, { method, headers });
    const preflight = await ask("OPTIONS", { Origin: origin, "Access-Control-Request-Method": "GET" });
    assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-origin")], [204, origin]);
    assert.match(preflight.headers.get("access-control-allow-headers"), /Authorization/);
    const read = await ask("GET", { Origin: origin, Authorization: `Bearer ${listed.consoleKey}` });
    assert.deepEqual([read.status, read.headers.get("access-control-allow-origin")], [200, origin]);
    const refused = await ask("GET", { Origin: origin });
    assert.deepEqual([refused.status, refused.headers.get("access-control-allow-origin")], [401, origin]);
    const stranger = await ask("OPTIONS", { Origin: "https://evil.test", "Access-Control-Request-Method": "GET" });
    assert.deepEqual([stranger.status, stranger.headers.get("access-control-allow-origin")], [403, null]);
    const { code, detail } = await stranger.json();
    assert.equal(code, "origin-not-listed");
    assert.match(detail, /^The origin "https:\/\/evil\.test" is not in the variable CONSOLE_ORIGINS/);
  } finally {
    await listed.stop();
  }
});
