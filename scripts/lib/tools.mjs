// The two programs that turn a crate into a Worker, installed below .tools at exact versions.
import { join } from "node:path";
import { Failure, capture, root, run, step, warn } from "./run.mjs";
import { lockedVersion } from "./toolchain.mjs";

const WORKER_BUILD = "0.8.7";
const CARGO_MUTANTS = "27.1.0";
const tools = join(root, ".tools");
// The tools run for a second a build, so to optimise them would take longer than they ever run. One folder for both: they
// share dependencies.
const UNOPTIMISED = { CARGO_PROFILE_DEV_DEBUG: "0", CARGO_INCREMENTAL: "0", CARGO_TARGET_DIR: join(root, "target/tools") };

export const workerBuild = join(tools, "bin/worker-build");
export const cargoMutants = join(tools, "bin/cargo-mutants");

/** Installs worker-build, and the wasm-bindgen program of the version that the crate is locked to. */
export async function ensureTools() {
  await ensure("worker-build", "worker-build", WORKER_BUILD, "2 min");
  await ensure("wasm-bindgen-cli", "wasm-bindgen", lockedVersion("wasm-bindgen"), "1 min");
}

/** Installs cargo-mutants, which a long test alone needs. */
export function ensureMutants() {
  // A program of cargo's takes its own name first.
  return ensure("cargo-mutants", "cargo-mutants", CARGO_MUTANTS, "5 min", ["mutants"]);
}

async function ensure(crate, program, version, time, command = []) {
  const installed = capture(join(tools, "bin", program), [...command, "--version"]);
  if (installed?.split(" ").at(-1) === version) return;
  if (capture("cargo", ["--version"]) === null) throw new Failure("No cargo: install Rust with rustup (https://rustup.rs)");
  const args = ["install", "--force", "--debug", "--root", tools, crate, "--version", version];
  const locked = await step(`Compiling ${crate} ${version} into .tools, once`, time, () => install(args));
  if (!locked) warn(`${crate} ${version} was not built with its own lock file, of which this registry lacks a version: its dependencies are UNLOCKED`);
}

/** Installs a crate; says whether that went with the crate's own lock file: a mirror may lag behind the versions in it. */
async function install(args) {
  try {
    await run("cargo", [...args, "--locked"], { quiet: true, env: UNOPTIMISED });
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    await run("cargo", args, { quiet: true, env: UNOPTIMISED });
    return false;
  }
}

/** worker-build's helpers: named here, so that it downloads none. */
export function helperEnv() {
  return { WASM_BINDGEN_BIN: join(tools, "bin/wasm-bindgen"), ESBUILD_BIN: join(root, "node_modules/.bin/esbuild") };
}
