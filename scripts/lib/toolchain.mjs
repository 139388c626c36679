// Finds or installs what compiles Rust to WebAssembly with unwinding panics, so that a panic costs one request and not
// the memory of every object in the isolate. That needs a standard library built from source, and two ways lead there:
// a nightly toolchain of rustup, or, where rustup's server is out of reach, Debian's compiler with its std source.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, asRoot } from "./debian.mjs";
import { Failure, capture, root, run, step } from "./run.mjs";

const TARGET = "wasm32-unknown-unknown";
const RUSTUP_TIMEOUT_MS = 120_000;
const RUSTUP_PROBE_MS = 20_000;
const RETRY_AFTER_MS = 7 * 24 * 3600 * 1000;
const DEBIAN_PACKAGES = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];
const DEBIAN_FILES = ["/usr/bin/rustc", "/usr/bin/cargo", "/usr/bin/cargo-clippy", "/usr/lib/rustlib/src/rust/library/Cargo.toml"];
// Both compilers write the final exception-handling instructions, not the legacy ones.
const EXCEPTIONS = "-Cllvm-args=-wasm-use-legacy-eh=false";
// Smaller sorting, searching and number formatting in the standard library.
const SMALL_STD = "-Zbuild-std-features=optimize_for_size";
const failedStamp = join(root, ".tools/rustup-failed");

export const BUILD_STD = "-Zbuild-std=std,panic_unwind";

/**
 * The toolchain: `env` for every command, `cargo` in front of a cargo command's arguments, `workerBuild` for worker-build.
 * SCIM_EDGE_TOOLCHAIN=rustup or =debian allows one way only.
 */
export async function toolchain() {
  const wanted = process.env.SCIM_EDGE_TOOLCHAIN ?? "";
  if (!["", "rustup", "debian"].includes(wanted)) throw new Failure("SCIM_EDGE_TOOLCHAIN is either rustup or debian");
  if (wanted !== "debian" && (await nightlyReady(wanted === "rustup"))) return nightly();
  if (wanted === "rustup") throw new Failure("rustup cannot provide a nightly toolchain with rust-src: see the lines above");
  return debian();
}

const common = { CARGO_TARGET_DIR: join(root, "target/wasm") };

function nightly() {
  // The variable makes plain `rustc` the nightly one too: worker-build looks there for the wasm32 target.
  const env = { ...common, RUSTUP_TOOLCHAIN: "nightly", RUSTFLAGS: EXCEPTIONS };
  return {
    name: "rustup's nightly",
    // worker-build adds -Cpanic=unwind itself; clippy must be told.
    env,
    cargoEnv: { ...env, RUSTFLAGS: `-Cpanic=unwind ${env.RUSTFLAGS}` },
    cargo: ["cargo", "+nightly"],
    workerBuild: (features) => ["--panic-unwind", ".", SMALL_STD, ...features],
  };
}

function nightlyHas() {
  const sysroot = capture("rustc", ["+nightly", "--print", "sysroot"]);
  if (sysroot === null) return { toolchain: false, parts: false };
  const parts = [`${sysroot}/lib/rustlib/src/rust/library/Cargo.toml`, `${sysroot}/lib/rustlib/${TARGET}/lib`];
  return { toolchain: true, parts: [...parts, `${sysroot}/bin/cargo-clippy`].every((path) => existsSync(path)) };
}

async function nightlyReady(insist) {
  if (capture("rustup", ["--version"]) === null) return false;
  const has = nightlyHas();
  if (has.parts) return true;
  if (!insist && failedLately()) return false;
  const missing = "rustup's nightly toolchain with std source, wasm32 target and clippy";
  try {
    await step(`Installing ${missing}`, "1 min; if this fails, Debian's compiler is used", () => installNightly(has.toolchain));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
  if (nightlyHas().parts) {
    rmSync(failedStamp, { force: true });
    return true;
  }
  mkdirSync(join(root, ".tools"), { recursive: true });
  writeFileSync(failedStamp, "rustup's server was out of reach; asked again after a week, or when this file is gone\n");
  return false;
}

async function installNightly(hasToolchain) {
  if (!hasToolchain) {
    const profile = ["toolchain", "install", "nightly", "--profile", "minimal", "--no-self-update"];
    await run("rustup", profile, { timeoutMs: RUSTUP_TIMEOUT_MS, quiet: true });
  }
  const name = ["--toolchain", "nightly"];
  await run("rustup", ["component", "add", "rust-src", "clippy", ...name], { timeoutMs: RUSTUP_PROBE_MS, quiet: true });
  await run("rustup", ["target", "add", TARGET, ...name], { timeoutMs: RUSTUP_PROBE_MS, quiet: true });
}

function failedLately() {
  return existsSync(failedStamp) && Date.now() - statSync(failedStamp).mtimeMs < RETRY_AFTER_MS;
}

async function debian() {
  if (!DEBIAN_FILES.every((path) => existsSync(path))) {
    const needed = "Needed: rustup with a network that reaches its server, or a Debian whose apt has rustc-web";
    await aptInstall(DEBIAN_PACKAGES, "rustup has no nightly with rust-src", needed);
  }
  const libdir = capture("/usr/bin/rustc", ["--target", TARGET, "--print", "target-libdir"]);
  if (libdir === null) throw new Failure("/usr/bin/rustc does not know wasm32-unknown-unknown");
  // worker-build only looks whether this folder exists; the standard library itself is built by cargo.
  if (!existsSync(libdir)) await asRoot("mkdir", ["-p", libdir]);
  const env = {
    ...common,
    PATH: `/usr/bin:${process.env.PATH}`,
    // -Zbuild-std is not stable, and Debian's compiler is a stable one.
    RUSTC_BOOTSTRAP: "1",
    RUSTFLAGS: `-Cpanic=unwind ${EXCEPTIONS}`,
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker(),
  };
  const workerBuild = (features) => [".", BUILD_STD, SMALL_STD, ...features];
  return { name: "Debian's rustc-web", env, cargoEnv: env, cargo: ["/usr/bin/cargo"], workerBuild };
}

function linker() {
  const rustc = capture("rustup", ["which", "rustc"]);
  const sysroot = rustc && capture(rustc, ["--print", "sysroot"]);
  const host = rustc && capture(rustc, ["-vV"])?.match(/^host: (.+)$/m)?.[1];
  const path = `${sysroot}/lib/rustlib/${host}/bin/rust-lld`;
  if (!existsSync(path)) throw new Failure("No rust-lld: install Rust with rustup, whose toolchains contain that linker");
  return path;
}

/** The locked version of a crate. */
export function lockedVersion(crate) {
  const lock = readFileSync(join(root, "Cargo.lock"), "utf8");
  const found = lock.match(new RegExp(`name = "${crate}"\\nversion = "([^"]+)"`));
  if (!found) throw new Failure(`Cargo.lock names no ${crate}`);
  return found[1];
}
