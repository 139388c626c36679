// The npm packages: installed exactly as locked, and again only when the lock changes.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, root, run, say } from "./run.mjs";

const stamp = join(root, "node_modules/.scim-edge-lock");

/** wrangler and Miniflare need a newer Node than many machines have; this one comes with the packages. */
export const node22 = join(root, "node_modules/node/bin/node");

/** Puts the packages' Node before any other, for what a tool starts itself. */
export function node22Env() {
  const bin = join(root, "node_modules/.bin");
  return {
    PATH: `${join(root, "node_modules/node/bin")}:${bin}:${process.env.PATH}`,
    WRANGLER_SEND_METRICS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CI: "1",
  };
}

/** Installs the packages when they are missing or not those of package-lock.json. */
export async function ensurePackages() {
  const lock = createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock && existsSync(node22)) return;
  say("Installing the npm packages (about half a minute)");
  await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { quiet: true });
  if (!existsSync(node22)) {
    throw new Failure("npm installed no Node 22 into node_modules/node: are install scripts switched off (ignore-scripts)?");
  }
  writeFileSync(stamp, lock);
}
