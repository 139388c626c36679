// Memory in workerd: the most expensive requests of tests/bounds/table.rs, the wasm memory read back after each.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MIB, isolate, prepared, send, written } from "./bounds.mjs";

// The figures of a single request in a fresh isolate, and of all of them in one.
const ONE_MAX = 64 * MIB;
const ALL_MAX = 96 * MIB;

const WORST = [
  "POST of a group with 100,000 members",
  "body of 200,000 objects in an unknown list",
  "list of users sorted by titles of 240 KB",
];
// In an order in which each finds what it needs.
const TOGETHER = [
  "GET of a group with 100,000 members",
  "GET of a user in 30,000 groups",
  "PATCH that removes 15,000 absent roles of 15,000",
  "PUT of a group with the 100,000 members that it has",
  "preview of a group of 100,000 members",
  "Bulk of 1,000 creates of 8 KB",
  "150,000 elements under value, before the path",
  "list of users with titles of 240 KB, whole",
  "journal of refusals of 4 KiB each",
  "DELETE of a group with 100,000 members",
];

let table, state;
before(async () => {
  table = written();
  state = await prepared(["empty", "large", "wide"], table);
});
after(() => state?.remove());

function row(name) {
  const found = table.rows.find((row) => row.name === name);
  assert.ok(found, `tests/bounds/table.rs has no row ${name}`);
  return found;
}

/** Sends a row's request; it must be answered as the table says, and leave no more memory taken than this. */
async function hold(server, wanted, most) {
  const found = await send(server, state.tokens, wanted);
  assert.equal(found.status, wanted.status, `${wanted.name}: ${found.detail}`);
  assert.ok(found.memory <= most, `${wanted.name}: ${(found.memory / MIB).toFixed(1)} MiB of wasm memory`);
}

for (const name of WORST) {
  test(`${name}, in a fresh isolate`, async () => {
    const server = await state.fresh();
    try {
      await hold(server, row(name), ONE_MAX);
    } finally {
      await server.stop();
    }
  });
}

test("thirteen in one isolate, and what nobody is let in for", async () => {
  const server = await state.fresh();
  try {
    for (const name of [...WORST, ...TOGETHER]) await hold(server, row(name), ALL_MAX);
    const { memory } = await isolate(server);
    const long = { Authorization: "Bearer ".repeat(11_000) };
    assert.equal((await fetch(`${server.url}/empty/scim/v2/Users`, { headers: long })).status, 401);
    const unknown = `Bearer ${state.tokens.empty.slice(0, -1)}x`;
    // Small enough to be sent whole before the answer, which does not wait for it; admission.test.mjs announces 8 MiB.
    const body = `{"x":[${Array(30_000).fill(0)}]}`;
    const headers = { Authorization: unknown, "Content-Type": "application/scim+json" };
    const refused = await fetch(`${server.url}/empty/scim/v2/Users`, { method: "POST", headers, body });
    assert.equal(refused.status, 401);
    assert.equal((await isolate(server)).memory, memory);
  } finally {
    await server.stop();
  }
});
