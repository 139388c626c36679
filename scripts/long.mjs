// `npm run test:long [-- --seconds=N] [-- TARGET...]`: what takes too long for `npm test`. `quirks`, `openapi`,
// `large`, `watched`, `follower`, `bounds`, `fair`, `bench`, `price` (an hour, or N seconds) and `mutants` are
// explained where they are; the others fuzz that target for ten minutes, or for N seconds. Each finding lies in
// fuzz/artifacts/; put it into fuzz/corpus/TARGET/ and it fails `cargo test` until it is mended.
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { node22, node22Env } from "./lib/packages.mjs";
import { Failure, capture, main, root, run, say } from "./lib/run.mjs";
import { build } from "./lib/steps.mjs";

const CARGO_FUZZ = "0.13.2";
const TOOLCHAIN = `+${process.env.FUZZ_TOOLCHAIN ?? "nightly"}`;
const FUZZED = ["filter", "path", "patch", "ingest"];
const SCRIPTS = {
  quirks: () => run(process.execPath, [join(root, "scripts/quirks.mjs")]),
  openapi: () => run(process.execPath, [join(root, "scripts/openapi.mjs")]),
  large: async () => {
    await build("--test-hooks");
    await run(node22, [join(root, "tests/large/run.mjs")], { env: node22Env() });
  },
  watched: async () => {
    await build();
    await run(node22, [join(root, "tests/watched/run.mjs")], { env: { ...node22Env(), SCIM_EDGE_BUILD: "build" } });
  },
  bounds: async () => {
    await build("--test-hooks");
    await run(node22, [join(root, "tests/bounds/run.mjs")], { env: node22Env() });
  },
  fair: async () => {
    await build("--test-hooks");
    await run(node22, [join(root, "tests/bounds/fair.mjs")], { env: node22Env() });
  },
  bench: async () => {
    await build("--test-hooks");
    await run(node22, [join(root, "bench/run.mjs"), "--smoke"], { env: node22Env() });
  },
  price,
  mutants: () => run(process.execPath, [join(root, "scripts/mutants.mjs")]),
  follower: async () => {
    await build("--test-hooks");
    const env = { ...node22Env(), MUTATIONS: process.env.MUTATIONS ?? "20000" };
    await run(node22, ["--test", join(root, "tests/worker/follower.test.mjs")], { env });
  },
};
const TARGETS = [...Object.keys(SCRIPTS), ...FUZZED];
// A body is far longer than anything else; 10 s are a hang.
const LIMITS = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"];

/** Searches for the most expensive request; the worst lie in target/price/found afterwards. */
async function price(seconds = 3600) {
  const found = join(root, "target/price/found");
  mkdirSync(found, { recursive: true });
  const env = { PRICE_SECONDS: String(seconds), PRICE_FOUND: found, CARGO_PROFILE_DEV_OPT_LEVEL: "2", CARGO_TARGET_DIR: "target/price" };
  const args = ["test", "--locked", "--test", "bounds", "--", "--ignored", "--exact", "--nocapture", "price::search"];
  await run("cargo", args, { env });
}

const files = (folder) => readdirSync(folder).length;

async function fuzz(target, seconds) {
  const [artifacts, made] = ["fuzz/artifacts", "target/fuzz-corpus"].map((folder) => join(root, folder, target));
  for (const folder of [artifacts, made]) mkdirSync(folder, { recursive: true });
  const before = files(artifacts);
  // New inputs go into the first folder; the committed seeds stay as they are.
  const corpora = [made, join(root, "fuzz/corpus", target)];
  const flags = [`-max_total_time=${seconds}`, "-dict=fuzz/dictionary", "-print_final_stats=1", ...LIMITS];
  let output;
  try {
    output = await run("cargo", [TOOLCHAIN, "fuzz", "run", target, ...corpora, "--", ...flags], { quiet: true });
  } catch (error) {
    output = error.output ?? "";
    if (files(artifacts) === before) throw error;
  }
  const runs = Number(output.match(/number_of_executed_units:\s*(\d+)/)?.[1] ?? 0);
  return { target, runs, finds: files(artifacts) - before };
}

await main(async () => {
  const named = process.argv.slice(2).filter((word) => !word.startsWith("--"));
  const given = process.argv.find((word) => word.startsWith("--seconds="))?.split("=")[1];
  const seconds = Number(given ?? 600);
  if (!(seconds > 0) || named.some((target) => !TARGETS.includes(target))) {
    throw new Failure(`use: npm run test:long -- [--seconds=N] [${TARGETS.join("|")}]...`);
  }
  const wanted = named.length > 0 ? named : TARGETS;
  for (const script of wanted.filter((target) => target in SCRIPTS)) {
    say(script);
    await SCRIPTS[script](given);
  }
  const fuzzed = wanted.filter((target) => FUZZED.includes(target));
  if (fuzzed.length > 0 && capture("cargo", [TOOLCHAIN, "fuzz", "--version"]) !== `cargo-fuzz ${CARGO_FUZZ}`) {
    await run("cargo", ["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ]);
  }
  const results = [];
  for (const target of fuzzed) {
    say(`${target}, ${seconds} s`);
    results.push(await fuzz(target, seconds));
  }
  for (const { target, runs, finds } of results) console.log(`${target.padEnd(8)} ${runs} runs, ${finds} finds`);
  if (results.some(({ finds }) => finds > 0)) throw new Failure("see fuzz/artifacts/");
});
