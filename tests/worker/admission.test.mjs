// Callers that are refused before any work is done, in workerd, and the wasm memory that they leave.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { consoleCall, organisation } from "./client.mjs";
import { start } from "./harness.mjs";

const MIB = 1024 * 1024;
let server;
before(async () => (server = await start()));
after(() => server.stop());

const key = (token) => `t/${createHash("sha256").update(token).digest("hex")}`;

/** The wasm memory of the isolate, in MiB. */
async function memory() {
  const isolate = (await fetch(`${server.url}/healthz`)).headers.get("X-Test-Isolate");
  return Number(isolate.split(",")[0]) / MIB;
}

/** The status of a request of any headers. With `begun` only that is sent of its body before the answer. */
function status(method, url, headers, begun) {
  return new Promise((done, fail) => {
    const sent = request(url, { method, headers, agent: false }, (answer) => {
      done(answer.statusCode);
      sent.destroy();
    });
    sent.on("error", fail);
    if (begun === undefined) sent.end();
    else sent.write(begun);
  });
}

test("a header of any length is refused, and the isolate lives", async () => {
  const org = await organisation(server, "header");
  for (const [header, expected] of [
    ["Bearer ".repeat(11_000), 401],
    ["Bearer ".repeat(11_000) + org.token, 401],
    [`Bearer ${"x".repeat(60_000)}`, 401],
    [`${"Bearer ".repeat(60)}${org.token}`, 200],
  ]) {
    assert.equal(await status("GET", `${org.base}/Users?count=0`, { Authorization: header }), expected);
    assert.equal((await org.scim("GET", "/Users?count=0")).status, 200);
  }
  assert.doesNotMatch(server.log(), /RangeError|call stack|RuntimeError/);
});

test("8 MiB with a token that has ended: 401 before the body is there, and the journal counts it", async () => {
  const org = await organisation(server, "refused");
  const begun = `{"x":[${"0,".repeat(100_000)}`;
  const headers = { Authorization: `Bearer ${org.token}`, "Content-Type": "application/scim+json", "Content-Length": 8 * MIB };
  assert.equal((await org.scim("GET", "/Users?count=0")).status, 200);
  assert.equal((await org.console(`/tokens/${org.tokenId}`, "DELETE")).status, 204);
  const { revokedAt, end } = JSON.parse(await server.kv.get(key(org.token)));
  assert.ok(revokedAt <= Date.now() && end === revokedAt);
  // This isolate has forgotten what it knew of the token: others learn it from KV within a minute.
  const before = await memory();
  for (let n = 0; n < 3; n++) assert.equal(await status("POST", `${org.base}/Users`, headers, begun), 401);
  assert.equal(await memory(), before);
  const [entry] = (await org.console(`/journal?token=${org.tokenId}`)).body.entries;
  assert.deepEqual([entry.status, entry.method, entry.resource], [401, "POST", "/Users"]);
});

test("a record that KV did not take is written by the alarm", async () => {
  const persist = mkdtempSync(join(tmpdir(), "scim-edge-late-"));
  let other = await start({ persist });
  try {
    const org = await organisation(other, "late");
    await other.stop();
    other = await start({ persist, withKv: false });
    assert.equal((await consoleCall(other, "DELETE", `/v1/orgs/late/tokens/${org.tokenId}`)).status, 204);
    await other.stop();
    other = await start({ persist });
    const record = async () => JSON.parse(await other.kv.get(key(org.token)));
    let written = {};
    for (const until = Date.now() + 20_000; !written.revokedAt && Date.now() < until; await sleep(100)) written = await record();
    assert.deepEqual([written.v, written.org, written.kind, written.end], [1, "late", "scim", written.revokedAt]);
  } finally {
    await other.stop();
    rmSync(persist, { recursive: true, force: true });
  }
});

test("a root key has 32 characters, and its successor is accepted beside it", async () => {
  const [old, next] = ["o".repeat(32), "n".repeat(32)];
  for (const [consoleKey, vars, asked, expected, says] of [
    ["k".repeat(31), {}, "k".repeat(31), 503, /CONSOLE_KEY has 31 characters.*openssl rand -hex 32 \| npx wrangler secret put CONSOLE_KEY \[console-key-too-short\]$/],
    [old, { CONSOLE_KEY_NEXT: "short" }, old, 503, /CONSOLE_KEY_NEXT has 5 characters/],
    [old, { CONSOLE_KEY_NEXT: next }, old, 200],
    [old, { CONSOLE_KEY_NEXT: next }, next, 200],
    [old, { CONSOLE_KEY_NEXT: next }, "w".repeat(32), 401],
  ]) {
    const other = await start({ consoleKey, vars });
    try {
      const answer = await consoleCall({ url: other.url, consoleKey: asked }, "GET", "/v1/orgs");
      assert.equal(answer.status, expected, JSON.stringify(answer.body));
      if (says) assert.match(answer.body.detail, says);
    } finally {
      await other.stop();
    }
  }
});

test("the build has each answer waited for, so that a client that hangs up cancels nothing", () => {
  const build = process.env.SCIM_EDGE_BUILD ?? fileURLToPath(new URL("../../build-test", import.meta.url));
  assert.match(readFileSync(join(build, "index.js"), "utf8"), /\.ctx\.waitUntil\(/);
});

/** Sends `sent` bytes of a POST of 4 MiB and destroys the socket; `chunked` does not say how long the body will be. */
async function cut(url, token, sent, chunked) {
  const { hostname, port, pathname } = new URL(`${url}/Users`);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await new Promise((done) => socket.once("connect", done));
  const length = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${4 * MIB}`;
  socket.write(`POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n${length}\r\n\r\n`);
  const [before, after] = chunked ? ["10000\r\n", "\r\n"] : ["", ""];
  const piece = Buffer.concat([Buffer.from(before), Buffer.alloc(0x10000, " "), Buffer.from(after)]);
  for (let left = sent; left > 0; left -= 0x10000) {
    if (!socket.write(piece)) await Promise.race([new Promise((done) => socket.once("drain", done)), sleep(200)]);
  }
  // The isolate reads some of it before the end.
  await sleep(5);
  socket.destroy();
}

test("300 uploads of 4 MiB that are cut leave the wasm memory flat", async () => {
  const org = await organisation(server, "cut");
  for (let n = 0; n < 4; n++) await cut(org.base, org.token, 3 * MIB, n % 2 === 0);
  await sleep(500);
  const before = await memory();
  for (let n = 0; n < 300; n += 4) {
    await Promise.all([0, 1, 2, 3].map((k) => cut(org.base, org.token, k * MIB + 0x10000, n % 8 === 0)));
  }
  await sleep(500);
  const grown = (await memory()) - before;
  assert.ok(grown <= 4, `${grown} MiB more than after the first four`);
  assert.equal((await org.scim("GET", "/Users?count=0")).status, 200);
});
