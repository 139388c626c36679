// A client of a running Worker for the tests: organisations, tokens, SCIM requests. Not a test.
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { hold } from "./contract.mjs";

/** Registers `org` with SCIM enabled and mints a token; gives the organisation's SCIM and Console callers. */
export async function organisation(server, org, token = { name: "test", kind: "scim", dialect: "auto" }) {
  const settings = { displayName: org, saml: { configured: true }, scim: { enabled: true } };
  const put = await consoleCall(server, "PUT", `/v1/orgs/${org}`, settings);
  assert.ok([200, 201].includes(put.status), JSON.stringify(put.body));
  // One that a test registered before has its settings changed.
  assert.equal(put.headers.get("location"), put.status === 201 ? `${server.url}/v1/orgs/${org}` : null);
  const minted = await consoleCall(server, "POST", `/v1/orgs/${org}/tokens`, token);
  assert.equal(minted.status, 201, JSON.stringify(minted.body));
  const base = `${server.url}/${org}/scim/v2`;
  return {
    org,
    base,
    token: minted.body.token,
    tokenId: minted.body.id,
    scim: (method, path, body, headers = {}) => scimCall(base, minted.body.token, method, path, body, headers),
    console: (path, method = "GET", body) => consoleCall(server, method, `/v1/orgs/${org}${path}`, body),
    seq: async () => (await consoleCall(server, "GET", `/v1/orgs/${org}`)).body.lastSeq,
  };
}

/** A Console request with the root key. */
export function consoleCall(server, method, path, body, headers = {}) {
  return call(server.url + path, method, { Authorization: `Bearer ${server.consoleKey}`, ...headers }, body);
}

/** A SCIM request with a token; a text body goes as it is. */
export function scimCall(base, token, method, path, body, headers = {}) {
  const credentials = token ? { Authorization: `Bearer ${token}` } : {};
  return call(base + path, method, { ...credentials, ...headers }, body);
}

async function call(url, method, headers, body) {
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  const type = text === undefined ? {} : { "Content-Type": "application/scim+json" };
  const response = await fetch(url, { method, headers: { ...type, ...headers }, body: text });
  const answer = await response.text();
  const found = parsed(answer);
  if (/^\/(v1|healthz)(\/|$)/.test(new URL(url).pathname)) hold(method, url, response, answer, found);
  else if (response.status >= 400) keepError(found);
  else found?.Operations?.forEach?.((one) => one?.response && keepError(one.response));
  const [read, written] = (response.headers.get("X-Test-Rows") ?? "0,0").split(",").map(Number);
  return { status: response.status, headers: response.headers, body: found, read, written };
}

/** Keeps an error of SCIM for the conformance step, which reads it with the suite's own models. */
function keepError(body) {
  const folder = process.env.SCIM_EDGE_ERRORS;
  if (folder) appendFileSync(join(folder, `${process.pid}.ndjson`), `${JSON.stringify(body)}\n`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text === "" ? null : text;
  }
}

export const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
export const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";

export function user(name, more = {}) {
  const emails = [{ type: "work", primary: true, value: `${name}@example.com` }];
  return { schemas: [USER], userName: name, externalId: `x-${name}`, emails, active: true, ...more };
}

export function group(name, members = []) {
  return { schemas: [GROUP], displayName: name, members: members.map((value) => ({ value })) };
}

export function patch(...Operations) {
  return { schemas: ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], Operations };
}
