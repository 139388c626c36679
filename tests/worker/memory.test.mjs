// The wasm memory that one answer takes in an isolate that did nothing before: it never shrinks, so it is all there was.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { consoleCall, organisation } from "./client.mjs";
import { start } from "./harness.mjs";

const MIB = 1024 * 1024;
// Edge and object share the isolate here, as they may in production.
const ANSWER_MAX = 30 * MIB;
const USERS = 120_000;
const persist = mkdtempSync(join(tmpdir(), "scim-edge-"));
let server;
let acme;
before(async () => {
  server = await start({ persist });
  acme = await organisation(server, "acme");
  await imported();
});
after(async () => {
  await server.stop();
  rmSync(persist, { recursive: true, force: true });
});

const id = (n) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`;

/** The users, and a group of the first 100,000 and one of all. */
async function imported() {
  const groups = { g100000: 100_000, g120000: USERS };
  const lines = [{ from: 0 }];
  for (let n = 0; n < USERS; n += 1) lines.push({ user: { id: id(n), attributes: { userName: `user${n}` } } });
  for (const name of Object.keys(groups)) lines.push({ group: { id: name, attributes: { displayName: name } } });
  for (const [name, size] of Object.entries(groups)) {
    for (let n = 0; n < size; n += 10_000) {
      lines.push({ members: { id: name, users: Array.from({ length: Math.min(10_000, size - n) }, (_, of) => id(n + of)) } });
    }
  }
  const counts = { users: USERS, activeUsers: USERS, groups: 2, memberships: 100_000 + USERS };
  lines.push({ at: 0, counts: { ...counts, tombstones: 0 }, lines: lines.length });
  const call = async (method, path, body) => {
    const response = await consoleCall(server, method, `/v1/orgs/acme${path}`, body);
    assert.ok(response.status < 300, JSON.stringify(response.body).slice(0, 300));
    return response.body;
  };
  await call("PUT", "", { scim: { enabled: false } });
  await call("POST", "/import");
  let [part, text] = [1, ""];
  for (const [at, line] of lines.entries()) {
    text += `${JSON.stringify(line)}\n`;
    if (text.length > 7 * MIB || at === lines.length - 1) {
      await call("PUT", `/import/${part}`, text);
      [part, text] = [part + 1, ""];
    }
  }
  await call("POST", "/import/finish");
  let job;
  do {
    await sleep(200);
    job = await call("GET", "/import");
  } while (["checking", "writing"].includes(job.state));
  assert.equal(job.state, "done", JSON.stringify(job).slice(0, 300));
  await call("PUT", "", { scim: { enabled: true } });
}

/** The answer to a request in a new isolate, and the memory that this has afterwards. */
async function alone(method, path, body) {
  await server.stop();
  server = await start({ persist });
  const response = await fetch(`${server.url}/acme/scim/v2${path}`, {
    method,
    headers: { Authorization: `Bearer ${acme.token}`, "Content-Type": "application/scim+json" },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  const [bytes] = (await fetch(`${server.url}/healthz`)).headers.get("x-test-isolate").split(",").map(Number);
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text), bytes };
}

const member = (n) => ({ $ref: `${server.url}/acme/scim/v2/Users/${id(n)}`, type: "User", value: id(n) });

test("a group is answered whole in pieces, up to 100,000 members as it is at one moment", async (t) => {
  for (const [name, size] of [["g100000", 100_000], ["g120000", USERS]]) {
    const got = await alone("GET", `/Groups/${name}`);
    assert.equal(got.status, 200, got.text.slice(0, 300));
    assert.deepEqual(got.body.members, Array.from({ length: size }, (_, n) => member(n)));
    assert.equal(got.headers.get("etag"), size > 100_000 ? null : got.body.meta.version);
    assert.equal(got.headers.get("location"), got.body.meta.location);
    assert.ok(got.headers.get("x-request-id"));
    t.diagnostic(`${name}: ${(got.bytes / MIB).toFixed(1)} MiB of wasm memory`);
    assert.ok(got.bytes <= ANSWER_MAX, `${name}: ${(got.bytes / MIB).toFixed(1)} MiB`);
  }
});

test("a client that goes away in the middle of a streamed group ends it", async () => {
  const headers = { Authorization: `Bearer ${acme.token}` };
  for (let n = 0; n < 3; n += 1) {
    const stop = new AbortController();
    const response = await fetch(`${server.url}/acme/scim/v2/Groups/g120000`, { headers, signal: stop.signal });
    await response.body.getReader().read();
    stop.abort();
  }
  assert.equal((await fetch(`${server.url}/acme/scim/v2/Users/${id(1)}`, { headers })).status, 200);
});

test("a group of 100,000 is made and answered", async (t) => {
  const members = Array.from({ length: 100_000 }, (_, n) => ({ value: id(n) }));
  const made = await alone("POST", "/Groups", { displayName: "made", members });
  assert.equal(made.status, 201, made.text.slice(0, 300));
  assert.deepEqual(made.body.members, Array.from({ length: 100_000 }, (_, n) => member(n)));
  t.diagnostic(`${(made.bytes / MIB).toFixed(1)} MiB of wasm memory`);
});
