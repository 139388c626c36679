// The rights: every call of the Console's API and of SCIM with every credential. Outside of its organisation a
// credential gets 401 and nothing else; inside, a Console token's scope decides.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, test } from "node:test";
import { consoleCall, group, organisation, scimCall, user } from "./client.mjs";
import { operations } from "./contract.mjs";
import { start } from "./harness.mjs";

const URN = "urn:example:badge";
// The answers to scope admin and to scope read: "ok" is anything but 401 and 403. The root key may do everything, and
// a SCIM token nothing. tests/console/openapi.rs holds the operations to the routes.
const RIGHTS = [
  ["listOrgs", 403, 403],
  ["getOrg", "ok", "ok"],
  ["putOrg", "ok", 403, { displayName: "mine" }],
  ["putOrg", 403, 403, { saml: { configured: true } }],
  ["putOrg", 403, 403, { jurisdiction: "eu" }],
  ["patchOrg", "ok", 403, { scim: { enabled: true } }],
  ["patchOrg", 403, 403, { saml: { configured: true } }],
  ["patchOrg", 403, 403, { locationHint: "weur" }],
  ["releaseGuard", "ok", 403, { seconds: 1 }],
  ["mintToken", "ok", 403, { name: "n", kind: "scim" }],
  ["mintToken", "ok", 403, { name: "n", kind: "console", scope: "read" }],
  ["mintToken", 403, 403, { name: "n", kind: "console", scope: "admin" }],
  ["listTokens", "ok", "ok"],
  ["rotateToken", "ok", 403, {}],
  ["revokeToken", "ok", 403],
  ["listUsers", "ok", "ok"],
  ["getUser", "ok", "ok"],
  ["listGroups", "ok", "ok"],
  ["getGroup", "ok", "ok"],
  ["listMembers", "ok", "ok"],
  ["listChanges", "ok", "ok"],
  ["snapshot", "ok", "ok"],
  ["readJournal", "ok", "ok"],
  ["preview", "ok", "ok", { method: "POST", path: "/Users", body: user("new") }],
  ["listSchemas", "ok", "ok"],
  ["getSchema", "ok", "ok"],
  ["putSchema", "ok", 403, { attributes: [{ name: "number" }] }],
  ["deleteSchema", "ok", 403],
  ["beginImport", "ok", 403],
  ["getImport", "ok", "ok"],
  ["putImport", "ok", 403, '{"from":0}'],
  ["finishImport", "ok", 403],
  ["endImport", "ok", 403],
  // The last one: nothing is left.
  ["eraseOrg", 403, 403],
];
// tests/console/rights.rs holds these to the routes.
const SCIM = JSON.parse(readFileSync(new URL("scim-calls.json", import.meta.url), "utf8"));

let server;
let mine;
let other;
/** Credentials that open nothing in `mine`, by what they are. */
let strangers;
before(async () => {
  server = await start();
  mine = await furnished("mine");
  other = await furnished("other");
  const gone = await furnished("gone");
  const soon = { expiresAt: new Date(Date.now() + 1500).toISOString() };
  const expired = {
    "expired scim": await minted(other, { kind: "scim", ...soon }),
    "expired admin": await minted(other, { kind: "console", scope: "admin", ...soon }),
    "expired, once mine": await minted(mine, { kind: "console", scope: "admin", ...soon }),
  };
  const revoked = {
    "revoked scim": await minted(other, { kind: "scim" }),
    "revoked admin": await minted(other, { kind: "console", scope: "admin" }),
    "revoked, once mine": await minted(mine, { kind: "console", scope: "admin" }),
  };
  for (const org of [other, mine]) {
    for (const { id, name, alive } of (await org.console("/tokens")).body.tokens) {
      if (alive && name.startsWith("revoke")) await org.console(`/tokens/${id}`, "DELETE");
    }
  }
  assert.equal((await consoleCall(server, "DELETE", "/v1/orgs/gone?confirm=gone")).status, 204);
  strangers = {
    "another's scim": other.token,
    "another's admin": other.admin,
    "another's read": other.read,
    "an erased organisation's scim": gone.token,
    "an erased organisation's admin": gone.admin,
    ...revoked,
    ...expired,
    none: "",
    "cut off": other.admin.slice(0, -1),
    "not a token": "root",
  };
  await sleep(Math.max(0, Date.parse(soon.expiresAt) - Date.now() + 10));
});
after(() => server.stop());

async function minted(org, token) {
  const name = token.expiresAt ? "expire" : "revoke";
  const answer = await org.console("/tokens", "POST", { name, ...token });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.token;
}

async function furnished(name) {
  const org = await organisation(server, name);
  const { id } = (await org.scim("POST", "/Users", user("ada"))).body;
  const crew = (await org.scim("POST", "/Groups", group("crew", [id]))).body.id;
  const put = await org.console(`/schemas/${URN}`, "PUT", { attributes: [{ name: "number" }] });
  assert.equal(put.status, 201, JSON.stringify(put.body));
  const mint = async (scope) => (await org.console("/tokens", "POST", { name: scope, kind: "console", scope })).body.token;
  return { ...org, user: id, group: crew, admin: await mint("admin"), read: await mint("read") };
}

/** Every call in an organisation: what it is, and a function that makes it with a credential. */
function calls(org) {
  const made = RIGHTS.map(([id, admin, read, body]) => {
    const { method, path } = operations.find((one) => one.operationId === id);
    const kind = path.includes("/groups/") ? "group" : path.includes("/users/") ? "user" : "tokenless";
    const address = path.replace("{org}", org.org).replace("{id}", org[kind] ?? "0199").replace("{urn}", URN).replace("{part}", "1");
    const query = id === "eraseOrg" ? `?confirm=${org.org}` : "";
    const what = `${method} ${path} ${JSON.stringify(body) ?? ""}`;
    const make = (token) => scimCall(server.url, token, method, address + query, body);
    // A parameter and a body that cannot be read.
    const broken = ["?nonsense=1", ""].map((query) => (token) => scimCall(server.url, token, method, address + query, body && "{"));
    return { what, id, admin, read, make, broken };
  });
  const scim = SCIM.map(({ method, path, body, open }) => {
    const address = path.replace("{user}", org.user).replace("{group}", org.group);
    return { what: `${method} ${path}`, open, make: (token) => scimCall(`${server.url}/${org.org}/scim/v2`, token, method, address, body) };
  });
  return { console: made, scim };
}

/** A refusal as text, without what differs from request to request. */
function said({ status, headers, body }) {
  return `${status} ${headers.get("www-authenticate")} ${JSON.stringify(body).replaceAll(headers.get("x-request-id"), "")}`;
}

/** All that the two organisations and the registry hold; not what the last requests were, strangers' among them. */
async function everything() {
  const kept = [(await consoleCall(server, "GET", "/v1/orgs")).body];
  for (const org of [mine, other]) {
    kept.push({ ...(await org.console("")).body, connection: null, warnings: null });
    for (const path of ["/users", "/groups", `/groups/${org.group}/members`, "/changes", "/schemas"]) {
      kept.push((await org.console(path)).body);
    }
    kept.push((await org.console("/tokens")).body.tokens.map((token) => ({ ...token, lastUsedAt: null, lastAddress: null })));
    kept.push((await org.console("/journal")).body.entries);
  }
  return JSON.stringify(kept);
}

test("every operation has its row", () => {
  const described = operations.filter((one) => one.path.startsWith("/v1/orgs")).map((one) => one.operationId);
  assert.deepEqual([...new Set(RIGHTS.map(([id]) => id))].sort(), described.sort());
});

test("a stranger gets one 401, whatever is asked and whoever exists, and nothing is written anywhere", async () => {
  const before = await everything();
  const nobody = calls({ org: "nobody", user: mine.user, group: mine.group });
  const [here, nowhere] = [calls(mine), nobody];
  for (const kind of ["console", "scim"]) {
    // The answer to an unknown token.
    const one = said(await here[kind][0].make(strangers["another's scim"]));
    for (const [who, token] of Object.entries(strangers)) {
      const incomplete = ["cut off", "not a token"].includes(who);
      const expected = incomplete ? said(await here[kind][0].make(token)) : one;
      assert.match(expected, /^401 Bearer /);
      for (const [at, call] of here[kind].entries()) {
        if (call.open && who === "none") continue;
        // The list of all belongs to no organisation: a live token is told that it is not allowed.
        if (call.id === "listOrgs" && ["another's admin", "another's read"].includes(who)) continue;
        for (const [where, asked] of [["here", call], ["nowhere", nowhere[kind][at]]]) {
          const answer = await asked.make(token);
          assert.equal(said(answer), expected, `${who} ${where}: ${call.what}`);
          assert.equal(answer.written, 0, `${who} ${where}: ${call.what}`);
        }
      }
    }
  }
  assert.equal(await everything(), before);
});

test("a record that somebody forged in KV leads to the object, which lets nobody in", async () => {
  const forged = {};
  for (const [name, token] of Object.entries({ scim: { kind: "scim" }, admin: { kind: "console", scope: "admin" } })) {
    forged[name] = (await other.console("/tokens", "POST", { name, ...token })).body.token;
    const key = `t/${createHash("sha256").update(forged[name]).digest("hex")}`;
    await server.kv.put(key, JSON.stringify({ v: 1, org: "mine", kind: token.kind, dialect: "auto" }));
  }
  const before = await everything();
  const here = calls(mine);
  for (const [kind, token] of [["scim", forged.scim], ["console", forged.admin], ["scim", forged.admin], ["console", forged.scim]]) {
    const one = said(await here[kind][0].make(strangers["another's scim"]));
    for (const call of here[kind]) {
      for (const make of [call.make, ...(call.broken ?? [])]) {
        const answer = await make(token);
        assert.deepEqual([said(answer), answer.written], [one, 0], call.what);
      }
    }
  }
  assert.equal(await everything(), before);
});

test("inside, the scope decides", async () => {
  const { console: all, scim } = calls(other);
  const is = async (call, token, expected, who) => {
    const answer = await call.make(token);
    const found = [401, 403].includes(answer.status) ? answer.status : "ok";
    assert.equal(found, expected, `${who}: ${call.what}: ${answer.status} ${JSON.stringify(answer.body)}`);
  };
  for (const call of all) {
    await is(call, other.token, 401, "scim");
    await is(call, other.read, call.read, "read");
    for (const make of call.broken) {
      await is({ ...call, make }, other.token, 401, "scim, unreadable");
      // The right is asked first.
      if (call.read === 403) await is({ ...call, make }, other.read, 403, "read, unreadable");
    }
    await is(call, other.admin, call.admin, "admin");
  }
  // Before the root key erases the organisation, its own call.
  for (const call of scim) {
    for (const [who, token] of [["root", server.consoleKey], ["admin", other.admin], ["read", other.read]]) {
      await is(call, token, 401, who);
    }
    await is(call, other.token, "ok", "scim");
  }
  for (const call of all) await is(call, server.consoleKey, "ok", "root");
  assert.equal((await other.console("")).status, 404);
});
