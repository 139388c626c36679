// The settings of wrangler.toml that a Worker needs when something else than wrangler runs it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./run.mjs";

const text = readFileSync(join(root, "wrangler.toml"), "utf8");

/** Variables of the Worker that are no secrets. */
export const VARIABLES = ["WORKER_NAME", "PUBLIC_ORIGIN", "ORG_HOST_SUFFIX", "CONSOLE_ORIGINS", "JURISDICTIONS", "OBJECT_SECONDS"];

/** Returns the value of a text setting; `undefined` where it is left out. */
export function setting(name) {
  return text.match(new RegExp(`^${name} = "(.*)"$`, "m"))?.[1];
}

/** Returns the bindings of the rate limiters, each with its requests a minute. */
export function rateLimits() {
  const tables = text.split(/^\[\[ratelimits\]\]$/m).slice(1);
  return Object.fromEntries(tables.map((table) => [table.match(/^name = "(.*)"$/m)[1], Number(table.match(/limit = (\d+), period = 60/)[1])]));
}

/** Returns the names and values of a file like `.dev.vars`, one `NAME="value"` a line. */
export function variables(content) {
  const lines = content.matchAll(/^\s*([A-Z_]+)\s*=\s*(?:"([^"\n]*)"|'([^'\n]*)'|([^"'#\s]*))/gm);
  return Object.fromEntries([...lines].map(([, name, double, single, bare]) => [name, double ?? single ?? bare]));
}
