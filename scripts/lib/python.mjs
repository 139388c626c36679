// The Python packages of the suites that come from outside, in a virtual environment of the project's own: installed
// exactly as pinned, and again only when the pins change.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptInstall } from "./debian.mjs";
import { Failure, capture, root, run, step } from "./run.mjs";

const requirements = ["conformance", "openapi", "clients"].map((suite) => join(root, "tests", suite, "requirements.txt"));
const venv = join(root, ".tools/venv");
const stamp = join(venv, ".scim-edge-requirements");
const python = join(venv, "bin/python");

const NEEDED = "scim2-tester, schemathesis and openapi-python-client need Python 3.11 or newer with its venv module (on Debian: apt-get install python3-venv)";
// The needs of a virtual environment: Debian keeps ensurepip, without which `venv` fails half-way, in a package of its
// own.
const USABLE = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
const PROBED = ["python3", "/usr/bin/python3"];

/** The interpreter that has the pinned packages; makes its environment where it is missing or has other ones. */
export async function ensurePython() {
  const pins = requirements.reduce((hash, path) => hash.update(readFileSync(path)), createHash("sha256")).digest("hex");
  const made = existsSync(stamp) && readFileSync(stamp, "utf8") === pins;
  // The interpreter is a link that dangles once the machine's Python is gone.
  if (made && capture(python, ["--version"]) !== null) return python;
  const base = usable() ?? (await installed());
  rmSync(venv, { recursive: true, force: true });
  await step("Installing scim2-tester, schemathesis and openapi-python-client into .tools/venv", "1 min", async () => {
    await run(base, ["-m", "venv", venv], { quiet: true });
    const pip = ["-m", "pip", "--disable-pip-version-check", "--no-input"];
    // --no-deps: nothing comes in unpinned; `check` then says whether a pin is missing.
    await run(python, [...pip, "install", "--no-deps", ...requirements.flatMap((path) => ["-r", path])], { quiet: true });
    await run(python, [...pip, "check"], { quiet: true });
  });
  writeFileSync(stamp, pins);
  return python;
}

function usable() {
  return PROBED.find((command) => capture(command, ["-c", USABLE]) !== null) ?? null;
}

async function installed() {
  if (process.getuid() !== 0) throw new Failure(NEEDED);
  try {
    await aptInstall(["python3-venv"], "There is no Python that makes virtual environments", NEEDED);
  } catch (error) {
    throw error instanceof Failure ? new Failure(NEEDED) : error;
  }
  const found = usable();
  if (found === null) throw new Failure(NEEDED);
  return found;
}
