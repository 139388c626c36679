// The checks, one function each. Those that run tests return what the runner printed.
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureClientGenerator, node22, node22Env } from "./packages.mjs";
import { ensurePython } from "./python.mjs";
import { Failure, capture, root, run, say } from "./run.mjs";
import { BUILD_STD, toolchain } from "./toolchain.mjs";

const LIMIT_KIB = 1024;
const STRICT = ["--", "-D", "warnings"];

export function format() {
  return run("cargo", ["fmt", "--check"]);
}

// tests/http.rs is no part of `cargo test`, so all targets leave it out.
export function clippyNative() {
  return run("cargo", ["clippy", "--locked", "--all-targets", "--test", "http", ...STRICT]);
}

/** The part that only exists on wasm32, with the hooks, as the Worker is compiled. */
export async function clippyWasm() {
  const { cargo, cargoEnv } = await toolchain();
  const [command, ...before] = cargo;
  const what = ["--lib", "--target", "wasm32-unknown-unknown", BUILD_STD, "--features", "test-hooks"];
  return run(command, [...before, "clippy", "--locked", ...what, ...STRICT], { env: cargoEnv });
}

/** The dependencies' licences and sources, where cargo-deny is installed. Known faults are left out: their list is downloaded. */
export async function dependencies() {
  if (capture("cargo", ["deny", "--version"]) === null) {
    return say("cargo-deny is not installed: licences and sources of dependencies are not checked (cargo install cargo-deny --locked)");
  }
  return run("cargo", ["deny", "--locked", "check", "bans", "licenses", "sources"]);
}

/** The example's types. */
export function types() {
  return run(node22, [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "examples/console-client")], { env: node22Env() });
}

export function cargoTest() {
  return run("cargo", ["test", "--locked"], { collect: true });
}

export function build(...flags) {
  return run(process.execPath, [join(root, "scripts/build.mjs"), ...flags]);
}

/** The errors of SCIM that the Worker's tests were answered, for the conformance step. */
const scimErrors = join(root, "target/scim-errors");

/**
 * The tests against the Worker in workerd, one file after the other. Every answer of the Console's API that is described
 * must come up in one of them.
 */
export async function workerTests() {
  const folder = join(root, "tests/worker");
  const files = readdirSync(folder).filter((name) => name.endsWith(".test.mjs")).sort();
  if (files.length === 0) throw new Failure("tests/worker has no *.test.mjs");
  const flags = ["--test", "--test-concurrency=1", "--test-reporter=spec"];
  const seen = join(root, "target/console-answers");
  for (const folder of [seen, scimErrors]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const env = { ...node22Env(), SCIM_EDGE_SEEN: seen, SCIM_EDGE_ERRORS: scimErrors };
  const output = await run(node22, [...flags, ...files.map((name) => join(folder, name))], { collect: true, env });
  // Only now: what it needs may not have been installed when this file was read.
  const { unseen } = await import("../../tests/worker/contract.mjs");
  const missing = unseen(seen);
  if (missing.length > 0) {
    throw new Failure(`src/console/openapi.json has answers that no test of tests/worker sees:\n  ${missing.join("\n  ")}`);
  }
  return output;
}

/** The public conformance suite against the Worker in workerd; its models also read every error of {@link workerTests}. */
export async function conformance() {
  const python = await ensurePython();
  const env = { ...node22Env(), SCIM_EDGE_ERRORS: scimErrors };
  return run(node22, [join(root, "tests/conformance/run.mjs"), python], { collect: true, env });
}

/** The Console's API by its description: requests that it allows and forbids, so many of each operation. */
export async function openapi(examples = 25) {
  const python = await ensurePython();
  const args = [join(root, "tests/openapi/run.mjs"), python, String(examples)];
  return run(node22, args, { collect: true, env: node22Env() });
}

/** Clients in TypeScript and Python, generated from the description of the Console's API: compiled, imported, and tried. */
export async function clients() {
  await ensureClientGenerator();
  const python = await ensurePython();
  return run(node22, [join(root, "tests/clients/run.mjs"), python], { collect: true, env: node22Env() });
}

/** The size of a deploy's upload; fails when it has grown too large. */
export async function size() {
  const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
  const args = [wrangler, "deploy", "--dry-run", "--outdir", join(root, "target/dry-run")];
  const output = await run(node22, args, { collect: true, quiet: true, env: node22Env() });
  const upload = output.match(/Total Upload: ([\d.]+) KiB \/ gzip: ([\d.]+) KiB/);
  if (!upload) throw new Failure(`wrangler reported no upload size:\n${output}`);
  say(`Upload ${upload[1]} KiB, gzip ${upload[2]} KiB of at most ${LIMIT_KIB} KiB`);
  if (Number(upload[2]) > LIMIT_KIB) throw new Failure(`The Worker is larger than ${LIMIT_KIB} KiB after gzip`);
}
