// The demo organisation of `npm start`: the organisation, one SCIM token, and how they are shown.
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, root } from "./run.mjs";

const ORG = "acme";
const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const memory = join(root, ".dev/demo.json");

/** Makes or updates the organisation, gives it a fresh token, and takes the token of the last run away. */
export async function makeDemo(origin, key) {
  const orgUrl = `${origin}/v1/orgs/${ORG}`;
  await ask("PUT", orgUrl, key, { displayName: "Acme", saml: { configured: true }, scim: { enabled: true } });
  const token = await ask("POST", `${orgUrl}/tokens`, key, { name: "demo", kind: "scim", dialect: "auto" });
  const before = lastRun();
  if (before?.tokenId) await ask("DELETE", `${orgUrl}/tokens/${encodeURIComponent(before.tokenId)}`, key, undefined, [404]);
  const demo = {
    scimBaseUrl: `${origin}/${ORG}/scim/v2`,
    scimToken: token.token,
    consoleUrl: orgUrl,
    consoleKey: key,
    org: ORG,
    tokenId: token.id,
  };
  mkdirSync(join(root, ".dev"), { recursive: true });
  writeFileSync(memory, `${JSON.stringify(demo, null, 2)}\n`, { mode: 0o600 });
  return demo;
}

function lastRun() {
  try {
    return JSON.parse(readFileSync(memory, "utf8"));
  } catch {
    return null;
  }
}

async function ask(method, url, key, body, alsoGood = []) {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok && !alsoGood.includes(answer.status)) {
    throw new Failure(`${method} ${url} answered ${answer.status}: ${text.slice(0, 500)}`);
  }
  return answer.ok && text ? JSON.parse(text) : null;
}

/** Prints what an identity provider and the Console must be told, and then what to try. */
export function printDemo({ scimBaseUrl, scimToken, consoleUrl, consoleKey }) {
  // A new name each time, because the users of earlier starts are still there.
  const userName = `ada.${randomBytes(2).toString("hex")}@example.com`;
  const user = { schemas: [USER], userName, name: { givenName: "Ada", familyName: "Lovelace" }, active: true };
  console.log(`
Ready. Ctrl-C stops it; the directory stays.

Secrets for development on this machine; they open nothing else:

  SCIM base URL   ${scimBaseUrl}
  SCIM token      ${scimToken}
  Console URL     ${consoleUrl}
  Console key     ${consoleKey}

Try it. The first pushes a user, the second finds it, the third shows the change as the Console reads it:

curl ${scimBaseUrl}/Users -H 'Authorization: Bearer ${scimToken}' -H 'Content-Type: application/scim+json' -d '${JSON.stringify(user)}'

curl -G ${scimBaseUrl}/Users -H 'Authorization: Bearer ${scimToken}' --data-urlencode 'filter=userName eq "${userName}"'

curl '${consoleUrl}/changes?after=0' -H 'Authorization: Bearer ${consoleKey}'
`);
}
