// `npm run bench [-- --quick] [-- NAME...]`: scim-edge, the runtime's floors and other SCIM servers, measured one after the other
// on this machine. Builds and installs what is missing, then runs bench/run.mjs; with `-- growth` it runs bench/growth.mjs.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensurePackages, ensurePeers, node22, node22Env } from "../scripts/lib/packages.mjs";
import { main, report, root, run, say, step } from "../scripts/lib/run.mjs";
import { build } from "../scripts/lib/steps.mjs";

const words = process.argv.slice(2);
const names = words.filter((word) => !word.startsWith("--"));
const wanted = (name) => names.length === 0 || names.some((word) => name.startsWith(word) || word.startsWith(name));

/** The peer from PyPI, in an environment of its own, as pinned in peers/requirements.txt. */
async function python() {
  const venv = join(root, ".tools/bench-venv");
  const pins = join(root, "bench/peers/requirements.txt");
  const stamp = join(venv, ".scim-edge-requirements");
  const hash = createHash("sha256").update(readFileSync(pins)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  await step("Installing scim2-server from PyPI", "30 s", async () => {
    await run("python3", ["-m", "venv", venv], { quiet: true });
    await run(join(venv, "bin/python"), ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps", "-r", pins], { quiet: true });
  });
  writeFileSync(stamp, hash);
}

/** The peer from crates.io behind a minimal axum. */
async function rust() {
  const folder = join(root, "bench/peers/scim-server");
  const target = join(root, "target/bench-peers");
  await step("Compiling the scim-server crate behind axum", "3 min", () =>
    run("cargo", ["build", "--release", "--locked", "--target-dir", target], { quiet: true, cwd: folder }),
  );
}

/** A peer that cannot be installed is listed with the reason; the others are measured. */
async function tried(name, install) {
  if (!wanted(name)) return;
  try {
    await install();
  } catch (error) {
    report(error, `${name}: `);
  }
}

const measure = (script, args) => {
  say("Measuring: nothing else should run on this machine");
  return run(node22, [join(root, "bench", script), ...args], { env: node22Env() });
};

await main(async () => {
  await ensurePackages();
  if (words[0] === "growth") {
    await build("--test-hooks");
    return measure("growth.mjs", words.slice(1));
  }
  await build();
  if (wanted("scim-edge")) await build("--test-hooks");
  await tried("scimmy-routers", ensurePeers);
  await tried("Jackson", ensurePeers);
  await tried("scim2-server", python);
  await tried("scim-server", rust);
  await measure("run.mjs", words);
});
