// node main.ts BASE ORG TOKEN [FILE] [--verify]: prints the changes of an organisation as they come.
import { parseArgs } from "node:util";
import { type Change, Client } from "./client.ts";
import type { Copy } from "./copy.ts";
import { fileStore } from "./file.ts";
import { Follower } from "./follow.ts";

const { values, positionals } = parseArgs({ options: { verify: { type: "boolean" } }, allowPositionals: true });
const [base, org, token, file] = positionals;
if (base === undefined || org === undefined || token === undefined) {
  console.error("use: node main.ts BASE ORG TOKEN [FILE] [--verify]");
  process.exit(2);
}

const name = (attributes: Record<string, unknown> | null | undefined) => attributes?.["userName"] ?? attributes?.["displayName"] ?? "";

function shown(change: Change, { groups }: Copy): string {
  const begin = `${change.seq} ${change.at} ${change.kind}`;
  if (change.kind === "imported") return begin;
  const about = `${begin} ${change.resourceType} ${change.id}`;
  if (change.kind !== "members") return `${about} ${name(change.resource)}`;
  return `${about} ${name(groups.get(change.id)?.attributes)} +${change.added.length} -${change.removed.length}`;
}

const client = new Client({ base, org, token });
const follower = new Follower(client, {
  store: file === undefined ? undefined : fileStore(file, client.url),
  onSnapshot: (copy) => console.log(`snapshot at ${copy.seq}: ${JSON.stringify(copy.counts())}`),
  onChange: (change, copy) => console.log(shown(change, copy)),
  onTrouble: (error, ms) => console.error(`${error.message}; again in ${(ms / 1000).toFixed(1)} s`),
});

try {
  if (values.verify) {
    const found = await follower.verify("snapshot");
    console.log(`${found.length} differences at ${follower.copy.seq}`);
    for (const path of found) console.log(path);
    process.exitCode = found.length === 0 ? 0 : 1;
  } else {
    const stop = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
    await follower.run(stop.signal);
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
