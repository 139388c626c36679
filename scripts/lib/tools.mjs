// The two programs that turn a crate into a Worker, installed below .tools at exact versions.
import { join } from "node:path";
import { Failure, capture, root, run, say, warn } from "./run.mjs";
import { lockedVersion } from "./toolchain.mjs";

const WORKER_BUILD = "0.8.7";
const CARGO_MUTANTS = "27.1.0";
const tools = join(root, ".tools");

export const workerBuild = join(tools, "bin/worker-build");
export const cargoMutants = join(tools, "bin/cargo-mutants");

/** Installs worker-build, and the wasm-bindgen program of the version that the crate is locked to. */
export async function ensureTools() {
  await ensure("worker-build", "worker-build", WORKER_BUILD, "4 minutes");
  await ensure("wasm-bindgen-cli", "wasm-bindgen", lockedVersion("wasm-bindgen"), "2 minutes");
}

/** Installs cargo-mutants, which a long test alone needs. */
export function ensureMutants() {
  return ensure("cargo-mutants", "cargo-mutants", CARGO_MUTANTS, "5 minutes");
}

async function ensure(crate, program, version, time) {
  const installed = capture(join(tools, "bin", program), ["--version"]);
  if (installed?.split(" ").at(-1) === version) return;
  say(`Installing ${crate} ${version} into .tools (about ${time}, once)`);
  if (capture("cargo", ["--version"]) === null) throw new Failure("No cargo: install Rust with rustup (https://rustup.rs)");
  const args = ["install", "--force", "--root", tools, crate, "--version", version];
  try {
    await run("cargo", [...args, "--locked"]);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // A mirror may lag behind the versions that the crate's own lock file names.
    warn(`${crate} ${version} cannot be had with its own lock file: its dependencies are taken as this registry has them, UNLOCKED`);
    await run("cargo", args);
  }
}

/** worker-build's helpers: named here, so that it downloads none. */
export function helperEnv() {
  const bin = join(root, "node_modules/.bin");
  return {
    WASM_BINDGEN_BIN: join(tools, "bin/wasm-bindgen"),
    WASM_OPT_BIN: join(bin, "wasm-opt"),
    ESBUILD_BIN: join(bin, "esbuild"),
  };
}
