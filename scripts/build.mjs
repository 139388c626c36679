// Compiles the Worker: `npm run build` into build/, `npm run build:test` into build-test/ with the hooks that tests call.
// Nothing happens when nothing that goes into the build has changed; --force builds all the same.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { withoutNames } from "./lib/names.mjs";
import { ensurePackages } from "./lib/packages.mjs";
import { main, root, run, say, step } from "./lib/run.mjs";
import { toolchain } from "./lib/toolchain.mjs";
import { ensureTools, helperEnv, workerBuild } from "./lib/tools.mjs";

const hooks = process.argv.includes("--test-hooks");
const force = process.argv.includes("--force");
const out = hooks ? "build-test" : "build";
const stamp = join(root, out, ".stamp");

// worker-build then hands the answer to `waitUntil`. Otherwise a client that hangs up cancels its request, and what the
// request held, its body above all, stays in the wasm memory for ever: nothing drops a Rust future that is cancelled so.
const COMPLETION = { RUN_TO_COMPLETION: "1" };

/** One hash of everything that decides the output. */
function inputs() {
  const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
  const hash = createHash("sha256").update(out);
  const scripts = ["scripts/build.mjs", "scripts/lib/toolchain.mjs", "scripts/lib/names.mjs"];
  for (const path of ["Cargo.toml", "Cargo.lock", "build.rs", "package-lock.json", ...scripts, ...sources]) {
    hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest("hex");
}

await main(async () => {
  const now = inputs();
  const done = existsSync(stamp) && existsSync(join(root, out, "index_bg.wasm")) && readFileSync(stamp, "utf8") === now;
  if (done && !force) return say(`${out}/ is up to date`);
  await ensurePackages();
  const rust = await toolchain();
  await ensureTools();
  const hooked = hooks ? ["--features", "test-hooks"] : [];
  const args = ["--release", "--out-dir", out, ...rust.workerBuild(hooked)];
  await step(`Compiling the Worker into ${out}/ with ${rust.name}`, "2 min", () =>
    run(workerBuild, args, { quiet: true, env: { ...rust.env, ...helperEnv(), ...COMPLETION } }),
  );
  const wasm = join(root, out, "index_bg.wasm");
  const { module, names } = withoutNames(readFileSync(wasm));
  writeFileSync(wasm, module);
  writeFileSync(join(root, out, "names.txt"), names);
  writeFileSync(stamp, now);
});
