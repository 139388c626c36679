// Clients that hold each other up, in workerd: only failures count, and a live token passes whatever comes from its
// address.
import assert from "node:assert/strict";
import { test } from "node:test";
import { consoleCall, organisation, scimCall } from "./client.mjs";
import { start } from "./harness.mjs";

const LIMIT = 6;
const from = (address) => ({ "CF-Connecting-IP": address });

/** A well-formed token that was never minted. */
function unknownToken(number) {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const body = `scim_${String(number).padStart(43, "0")}`;
  let crc = 0xffffffff;
  for (const byte of Buffer.from(body)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  crc = (crc ^ 0xffffffff) >>> 0;
  let check = "";
  for (let n = 0; n < 6; n++, crc = Math.floor(crc / 62)) check = digits[crc % 62] + check;
  return body + check;
}

async function limited(limits, run) {
  const server = await start({ limits });
  try {
    const org = await organisation(server, "limited");
    const scim = (token, address) => scimCall(org.base, token, "GET", "/Users?count=0", undefined, from(address));
    const root = (key, address) => scimCall(`${server.url}/v1/orgs/limited`, key, "GET", "", undefined, from(address));
    const mint = async (more = {}) => (await org.console("/tokens", "POST", { name: "minted", kind: "scim", ...more })).body;
    await run({ server, org, scim, root, mint });
  } finally {
    await server.stop();
  }
}

/** The statuses of so many requests; the limiter's minute may end once in between. */
async function statuses(count, ask) {
  const all = [];
  for (let n = 0; n < count; n++) all.push((await ask(n)).status);
  return all;
}

function refusedInTheEnd(all, good, what) {
  assert.deepEqual(all.slice(0, LIMIT / 2), Array(LIMIT / 2).fill(good), what);
  assert.ok(all.includes(429) && all.every((status) => [good, 429].includes(status)), `${what}: ${all}`);
}

test("a token has a limit of its own, for each API", () =>
  limited({ TOKEN_LIMIT: LIMIT }, async ({ org, scim, root, mint }) => {
    const { token } = await mint({ kind: "console", scope: "read" });
    for (const [what, ask, type] of [
      ["a token", () => scim(org.token, "192.0.2.1"), /^application\/scim\+json/],
      ["a Console token", () => root(token, "192.0.2.9"), /^application\/problem\+json/],
    ]) {
      refusedInTheEnd(await statuses(2 * LIMIT + 1, ask), 200, what);
      const over = await ask();
      assert.equal(over.status, 429, what);
      assert.match(over.headers.get("retry-after"), /^[1-9][0-9]*$/, what);
      assert.match(over.headers.get("content-type"), type, what);
      assert.match(over.body.detail, /Try again in a minute/, what);
    }
    assert.equal((await scim((await mint()).token, "192.0.2.1")).status, 200);
  }));

test("failures hold up an address's malformed tokens and root keys, and no live token", () =>
  limited({ FAILURE_LIMIT: LIMIT }, async ({ server, org, scim, root, mint }) => {
    const malformed = org.token.slice(0, -1);
    for (const [address, ask] of [
      ["192.0.2.1", (address) => scim(malformed, address)],
      ["192.0.2.2", (address) => scim("", address)],
      ["192.0.2.3", (address, n) => scim(unknownToken(n), address)],
      ["192.0.2.4", (address) => root("wrong".repeat(8), address)],
    ]) {
      refusedInTheEnd(await statuses(2 * LIMIT + 1, (n) => ask(address, n)), 401, address);
      // From there the root key is not even compared; a live token that no isolate has seen passes.
      assert.equal((await root(server.consoleKey, address)).status, 429, address);
      assert.equal((await scim(malformed, address)).status, 429, address);
      assert.equal((await scim((await mint()).token, address)).status, 200, address);
      const reader = await mint({ kind: "console", scope: "read" });
      assert.equal((await root(reader.token, address)).status, 200, address);
      assert.equal((await scimCall(org.base, "", "GET", "/Schemas", undefined, from(address))).status, 200, address);
    }
    assert.equal((await scim(malformed, "192.0.2.9")).status, 401);
    assert.equal((await root(server.consoleKey, "192.0.2.9")).status, 200);
    // One client has all addresses of a network of IPv6.
    const network = await statuses(2 * LIMIT + 1, (n) => scim(malformed, `2001:db8::${n + 1}`));
    assert.ok(network.includes(429), network.join());
    assert.equal((await scim(malformed, "2001:db8:0:1::1")).status, 401);
    // Requests that succeed count for nothing.
    assert.deepEqual(await statuses(3 * LIMIT, () => scim(org.token, "192.0.2.8")), Array(3 * LIMIT).fill(200));
  }));

test("clients whose address the platform does not say count as one", () =>
  limited({ FAILURE_LIMIT: LIMIT }, async ({ server, org, scim }) => {
    const bare = (token) => scimCall(org.base, token, "GET", "/Users?count=0");
    refusedInTheEnd(await statuses(2 * LIMIT + 1, () => bare(org.token.slice(0, -1))), 401, "without an address");
    assert.equal((await scimCall(`${server.url}/v1/orgs`, server.consoleKey, "GET", "")).status, 429);
    assert.equal((await bare(org.token)).status, 200, "a live token");
    assert.equal((await scim(org.token.slice(0, -1), "192.0.2.1")).status, 401, "from an address");
    assert.equal((await scim((await mintAway(server)).token, "192.0.2.1")).status, 200);
  }));

/** A token that is minted from an address of its own. */
async function mintAway(server) {
  const body = { name: "away", kind: "scim" };
  return (await consoleCall(server, "POST", "/v1/orgs/limited/tokens", body, from("192.0.2.99"))).body;
}

test("300 failures from an address, then a live token that no isolate has seen: 200", () =>
  limited({ TOKEN_LIMIT: 12_000, FAILURE_LIMIT: 300, MISS_LIMIT: 3_000 }, async ({ scim, mint }) => {
    const failures = await statuses(301, (n) => scim(unknownToken(n), "192.0.2.1"));
    assert.ok(failures.every((status) => [401, 429].includes(status)), failures.join());
    assert.equal((await scim((await mint()).token, "192.0.2.1")).status, 200);
  }));

test("540 wrong root keys from an address, then the right one: 429", () =>
  limited({ FAILURE_LIMIT: 300 }, async ({ server, root }) => {
    // The limiter's minute may end once in between.
    for (let tries = 0, right = 0; right !== 429; tries += 1) {
      assert.ok(tries < 2, `the right key is ${right}`);
      const wrong = await statuses(540, (n) => root(`${n}`.padEnd(64, "x"), "192.0.2.1"));
      assert.ok(wrong.every((status) => [401, 429].includes(status)), wrong.join());
      right = (await root(server.consoleKey, "192.0.2.1")).status;
    }
    assert.equal((await root(server.consoleKey, "192.0.2.2")).status, 200, "from another address");
  }));

test("a token that has ended has a limit of its own, beyond which no object is called", () =>
  limited({ FAILURE_LIMIT: LIMIT }, async ({ org, scim, mint }) => {
    const { id, token } = await mint();
    const ranged = await mint({ addressRanges: ["203.0.113.0/24"] });
    const live = await mint();
    await org.console(`/tokens/${id}`, "DELETE");
    const called = (answer) => answer.headers.get("x-test-rows") !== null;
    for (const [what, sent, address] of [["ended", token, "192.0.2.1"], ["outside", ranged.token, "192.0.2.2"]]) {
      const answers = [];
      for (let n = 0; n < 2 * LIMIT + 1; n++) answers.push(await scim(sent, address));
      refusedInTheEnd(answers.map((answer) => answer.status), 401, what);
      for (const answer of answers) assert.equal(called(answer), answer.status === 401, what);
      assert.equal((await scim(live.token, address)).status, 200, what);
      assert.equal((await scim(org.token.slice(0, -1), address)).status, 401, what);
    }
    assert.equal((await scim(token, "192.0.2.3")).status, 429, "wherever it comes from");
    assert.equal((await scim(ranged.token, "203.0.113.7")).status, 200, "from inside its ranges");
  }));

test("too many look-ups from an address hold up its tokens that no isolate has seen", () =>
  limited({ MISS_LIMIT: LIMIT }, async ({ org, scim, mint }) => {
    assert.equal((await scim(org.token, "192.0.2.1")).status, 200);
    refusedInTheEnd(await statuses(2 * LIMIT + 1, (n) => scim(unknownToken(n), "192.0.2.1")), 401, "unknown tokens");
    const { token } = await mint();
    assert.equal((await scim(token, "192.0.2.1")).status, 429);
    assert.equal((await scim(org.token, "192.0.2.1")).status, 200, "one that is cached");
    assert.equal((await scim(token, "192.0.2.2")).status, 200, "from another address");
    assert.equal((await scim(token, "192.0.2.1")).status, 200, "now it is cached");
  }));
