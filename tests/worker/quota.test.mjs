// The quota over HTTP: the storage's own size, in workerd.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { consoleCall, group, organisation, patch, user } from "./client.mjs";
import { start } from "./harness.mjs";

let server;
let acme;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme");
});
after(() => server.stop());

test("beyond the quota nothing grows, and all that takes away goes on", async () => {
  const { id } = (await acme.scim("POST", "/Users", user("ada", { title: "t" }))).body;
  const { id: staff } = (await acme.scim("POST", "/Groups", group("staff", [id]))).body;
  const before = (await acme.console("")).body;
  assert.deepEqual(before.quota, { users: 1_000_000, groups: 100_000, bytes: 8 * 1024 ** 3 });
  assert.ok(before.storedBytes > 50_000 && before.storedBytes < 1_000_000, `${before.storedBytes}`);
  const set = async (quota) => {
    const put = await acme.console("", "PATCH", { quota });
    assert.equal(put.status, 200, JSON.stringify(put.body));
    return put.body;
  };
  await set({ users: 1, groups: 1 });
  for (const [path, body, code] of [
    ["/Users", user("bob"), "quota-users"],
    ["/Groups", group("more", []), "quota-groups"],
  ]) {
    const refused = await acme.scim("POST", path, body);
    assert.deepEqual([refused.status, refused.headers.get("X-Error-Code")], [400, code], JSON.stringify(refused.body));
    assert.match(refused.body.detail, /PATCH \/v1\/orgs\/acme/);
  }
  const full = await set({ users: null, groups: null, bytes: before.storedBytes });
  // Two of the four pushes were refused above.
  assert.deepEqual(full.warnings.map(({ code }) => code), ["pushes-refused", "quota-nearly-used"], JSON.stringify(full.warnings));
  const grown = patch({ op: "replace", value: { title: "a longer title", active: false } });
  const off = await acme.scim("PATCH", `/Users/${id}`, grown);
  assert.deepEqual([off.status, off.body.active, off.body.title], [200, false, "t"], JSON.stringify(off.body));
  assert.equal(off.written, 2);
  assert.equal((await acme.scim("PATCH", `/Users/${id}`, grown)).status, 200);
  const refused = await acme.scim("POST", "/Users", user("cyd"));
  assert.deepEqual([refused.status, refused.headers.get("X-Error-Code")], [400, "quota-bytes"]);
  assert.equal((await acme.scim("PATCH", `/Groups/${staff}`, patch({ op: "replace", path: "members", value: [] }))).status, 204);
  assert.equal((await acme.scim("DELETE", `/Users/${id}`)).status, 204);
  await set(null);
  assert.equal((await acme.scim("POST", "/Users", user("cyd"))).status, 201);
});

test("root alone sets it", async () => {
  const minted = await acme.console("/tokens", "POST", { name: "c", kind: "console", scope: "admin" });
  const bearer = { Authorization: `Bearer ${minted.body.token}` };
  const refused = await consoleCall(server, "PATCH", "/v1/orgs/acme", { quota: null }, bearer);
  assert.deepEqual([refused.status, refused.body.code], [403, "scope-too-narrow"]);
  const wrong = await acme.console("", "PATCH", { quota: { users: -1 } });
  assert.equal(wrong.status, 400);
  assert.match(wrong.body.detail, /quota\.users/);
});
