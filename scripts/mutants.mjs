// `npm run test:long -- mutants`: breaks the product in one small way at a time (cargo-mutants) and watches the tests fail. A
// mutant that no test notices survives: it gets a test, or a line in tests/mutants.tsv that says why none can be written.
//
// All mutants of src/org, src/scim and src/auth are put into a random order by a seed, which is printed, and tried
// from the front until so many were viable, which means that they compile. MUTANTS says how many (400), MUTANTS_SEED
// which seed (one from the clock), MUTANTS_PIECE how many are tried at a time (20). The results are kept in
// target/mutants/SEED.json after each piece: the same seed goes on from there.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, main, root, run, say } from "./lib/run.mjs";
import { cargoMutants, ensureMutants } from "./lib/tools.mjs";

const FILES = ["src/org.rs", "src/org/**/*.rs", "src/scim/**/*.rs", "src/auth.rs", "src/auth/**/*.rs"];
const EXCUSED = join(root, "tests/mutants.tsv");
const FOLDER = join(root, "target/mutants");
/** A mutant that loops for ever is noticed too; the longest test program takes a tenth of that on a busy machine. */
const TIMEOUT_SECONDS = 1800;
/** The number of mutants in the sample that may survive with an excuse. */
const SURVIVE_MOST = 0.03;

const number = (name, fallback) => {
  const value = Number(process.env[name] ?? fallback);
  if (!Number.isInteger(value) || value < 1) throw new Failure(`${name} must be a whole number from 1`);
  return value;
};

/** A mutant without its line and column, which move with every change. */
const lasting = (name) => name.replace(/:\d+:\d+: /, ": ");

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function cargo(args) {
  // The program takes its own name first, as cargo hands it over.
  return run(cargoMutants, ["mutants", ...args], { quiet: true, env: { CARGO_TARGET_DIR: join(FOLDER, "target") } });
}

/**
 * Every mutant, in the order of this seed: by the hash of seed, name without its place, and which of the mutants of one name it is.
 * So an edit elsewhere moves none.
 */
async function ordered(seed) {
  const listed = await cargo(["--list", ...FILES.flatMap((file) => ["--file", file])]);
  const names = listed.split("\n").filter((line) => line.startsWith("src/"));
  if (names.length < 500) throw new Failure(`cargo-mutants lists ${names.length} mutants only`);
  const seen = new Map();
  const key = (name) => {
    const nth = (seen.get(lasting(name)) ?? 0) + 1;
    seen.set(lasting(name), nth);
    return createHash("sha256").update(`${seed} ${lasting(name)} ${nth}`).digest("hex");
  };
  return names.map((name) => [key(name), name]).sort().map(([, name]) => name);
}

/** Tries these, and says what came of each: caught, missed, timeout or unviable. */
async function attempt(names, seed) {
  const output = join(FOLDER, `piece-${seed}`);
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const chosen = names.flatMap((name) => ["--re", `^${escaped(name)}$`]);
  const how = ["--baseline=skip", `--timeout=${TIMEOUT_SECONDS}`, "--output", output, "--colors=never", "--no-shuffle"];
  try {
    await cargo([...how, ...FILES.flatMap((file) => ["--file", file]), ...chosen, "--", "--locked"]);
  } catch (error) {
    // Survivors and time-outs end it with a status of their own; what came of each mutant is in the files.
    if (!existsSync(join(output, "mutants.out/caught.txt"))) throw error;
  }
  const outcomes = {};
  for (const outcome of ["caught", "missed", "timeout", "unviable"]) {
    const text = readFileSync(join(output, "mutants.out", `${outcome}.txt`), "utf8");
    for (const name of text.split("\n").filter(Boolean)) outcomes[name] = outcome;
  }
  const lost = names.filter((name) => !(name in outcomes));
  if (lost.length > 0) throw new Failure(`cargo-mutants said nothing of:\n  ${lost.join("\n  ")}`);
  return outcomes;
}

function excuses() {
  const lines = readFileSync(EXCUSED, "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
  return new Map(lines.map((line) => line.split("\t")));
}

await main(async () => {
  const [wanted, piece] = [number("MUTANTS", 400), number("MUTANTS_PIECE", 20)];
  const seed = number("MUTANTS_SEED", Date.now() % 1_000_000_000);
  say(`mutants: MUTANTS_SEED=${seed} MUTANTS=${wanted}`);
  await ensureMutants();
  mkdirSync(FOLDER, { recursive: true });
  // Without this the tests of an unbroken product might fail, and every mutant would count as caught.
  await run("cargo", ["test", "--locked", "--quiet"], { quiet: true, env: { CARGO_TARGET_DIR: join(FOLDER, "target") } });
  const path = join(FOLDER, `${seed}.json`);
  const done = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  const order = await ordered(seed);
  const viable = () => order.filter((name) => name in done && done[name] !== "unviable").slice(0, wanted);
  while (viable().length < wanted) {
    const next = order.filter((name) => !(name in done)).slice(0, Math.min(piece, wanted - viable().length));
    if (next.length === 0) break;
    Object.assign(done, await attempt(next, seed));
    writeFileSync(path, JSON.stringify(done, null, 1));
    say(`${viable().length} of ${wanted} viable mutants tried`);
  }
  const excused = excuses();
  const survivors = viable().filter((name) => done[name] === "missed");
  for (const name of survivors) console.log(`survived: ${name}\n  ${excused.get(lasting(name)) ?? "NOT EXCUSED"}`);
  const count = viable().length;
  say(`${survivors.length} of ${count} survived, ${order.length} mutants in all`);
  const open = survivors.filter((name) => !excused.has(lasting(name)));
  if (open.length > 0) throw new Failure(`${open.length} survivors need a test, or a line in tests/mutants.tsv`);
  if (survivors.length > count * SURVIVE_MOST) throw new Failure(`more than ${SURVIVE_MOST * 100} % of the sample survived`);
});
