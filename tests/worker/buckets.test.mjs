// The computing time of an organisation (OBJECT_SECONDS) in workerd: who has used it up waits, the others do not.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

let server;
let acme;
before(async () => {
  server = await start({ vars: { OBJECT_SECONDS: "0.5 5" } });
  acme = await organisation(server, "acme");
});
after(() => server.stop());

test("a token that asks for the worst that is allowed is held up, and no other", async () => {
  const other = await acme.console("/tokens", "POST", { name: "other", kind: "scim", dialect: "auto" });
  const beta = await organisation(server, "beta");
  const roles = Array.from({ length: 1000 }, (_, n) => ({ value: `r${n}`, type: "a", display: "d" }));
  const made = await acme.scim("POST", "/Users", user("u", { roles }));
  assert.equal(made.status, 201, JSON.stringify(made.body).slice(0, 200));
  const terms = Array.from({ length: 220 }, (_, n) => `value eq "${n}"`).join(" or ");
  const worst = patch(...Array(20).fill({ op: "remove", path: `roles[${terms}]` }));
  let answer;
  for (let n = 0; n < 20 && answer?.status !== 429; n++) {
    answer = await acme.scim("PATCH", `/Users/${made.body.id}`, worst);
    assert.ok([200, 429].includes(answer.status), JSON.stringify(answer.body));
  }
  assert.equal(answer.status, 429);
  assert.match(answer.headers.get("Retry-After"), /^[1-9]\d*$/);
  assert.match(answer.body.detail, /^The requests of this token have used up the computing time/);
  // The next one is refused at the edge: the object is not called and the body is not read, whatever it says.
  const next = await acme.scim("PATCH", `/Users/${made.body.id}`, "not JSON");
  assert.deepEqual([next.status, next.headers.get("X-Error-Code"), next.headers.get("X-Test-Rows")], [429, "object-time-spent", null]);
  assert.match(next.headers.get("Retry-After"), /^[1-9]\d*$/);
  const others = [
    scimCall(acme.base, other.body.token, "GET", "/Users?count=1"),
    beta.scim("GET", "/Users?count=1"),
    acme.console(""),
  ];
  assert.deepEqual((await Promise.all(others)).map((one) => one.status), [200, 200, 200]);
  // A request that takes access away is never held up.
  assert.equal((await acme.console(`/tokens/${acme.tokenId}`, "DELETE")).status, 204);
  assert.equal((await acme.scim("GET", "/Users?count=1")).status, 401);
});
