// A TypeScript program with the generated types: it reads a user and its changes, and prints the `userName`. `run.mjs`
// generates the types, compiles this file and runs it: node client.js URL ORG USER, with the key in API_KEY.
import type { components, paths } from "../../target/clients/api.d.ts";

type Read<Path extends keyof paths> = paths[Path] extends {
  get: { responses: { 200: { content: { "application/json": infer Answer } } } };
}
  ? Answer
  : never;
type Problem = components["schemas"]["Problem"];

const [url = "", org = "", id = ""] = process.argv.slice(2);

async function read<Path extends keyof paths>(path: Path, more = ""): Promise<Read<Path>> {
  const address = path.replace("{org}", org).replace("{id}", id) + more;
  const response = await fetch(url + address, { headers: { Authorization: `Bearer ${process.env["API_KEY"]}` } });
  if (!response.ok) throw new Error(((await response.json()) as Problem).detail);
  return (await response.json()) as Read<Path>;
}

const user = await read("/v1/orgs/{org}/users/{id}");
const userName: string = user.attributes.userName;
// An attribute that is not in the tables of SCIM is there all the same, of an unknown type.
const badge: unknown = user.attributes["urn:example:badge:2.0:User"];

const { changes } = await read("/v1/orgs/{org}/changes", "?after=0");
const joined = changes.flatMap((change) => (change.kind === "members" ? change.added : []));
const made = changes.filter((change) => change.kind === "created" && change.resource !== null);
console.log(JSON.stringify({ userName, badge, joined, made: made.length }));
