// The secrets of a Worker on this machine: `.dev.vars`, which wrangler reads too.
import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, root, say } from "./run.mjs";
import { variables } from "./wrangler.mjs";

const secrets = join(root, ".dev.vars");

/** The fewest characters of a Console key that the Worker accepts. */
const KEY_MIN = 32;

/** Returns the variables of .dev.vars. Its CONSOLE_KEY is made the first time. */
export function localSecrets() {
  const text = existsSync(secrets) ? readFileSync(secrets, "utf8") : "";
  const known = variables(text);
  if (known.CONSOLE_KEY) return { ...known, CONSOLE_KEY: longEnough(known.CONSOLE_KEY, ".dev.vars: remove the line, and the next start writes a good one") };
  const key = randomBytes(32).toString("hex");
  appendFileSync(secrets, `${text === "" || text.endsWith("\n") ? "" : "\n"}CONSOLE_KEY="${key}"\n`, { mode: 0o600 });
  chmodSync(secrets, 0o600);
  say("Wrote a random CONSOLE_KEY into .dev.vars");
  return { ...known, CONSOLE_KEY: key };
}

/** Returns the key, or fails where the Worker would refuse it; `where` ends the sentence. */
export function longEnough(key, where) {
  if (key.length >= KEY_MIN) return key;
  throw new Failure(`CONSOLE_KEY has ${key.length} characters; it must have at least ${KEY_MIN}. It stands in ${where}`);
}
