// `npm run test:long -- mutants`: breaks the product in one small way at a time (cargo-mutants) and watches the tests fail. A
// mutant that no test notices survives: it gets a test, or a line in tests/mutants.tsv that says why none can be written.
//
// All mutants of src/org, src/scim and src/auth are put into a random order by a seed, which is printed, and tried from the
// front until so many were viable, which means that they compile. MUTANTS says how many (400), MUTANTS_SEED which seed (one from the
// clock), MUTANTS_PIECE how many are tried at a time (20). The outcomes are kept in target/mutants/SEED.json after each piece: the
// same seed goes on from there, and tries the survivors again, because a test may have been written for them.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, capture, main, root, run, say } from "./lib/run.mjs";
import { cargoMutants, ensureMutants } from "./lib/tools.mjs";

const FILES = ["src/org.rs", "src/org/**/*.rs", "src/scim/**/*.rs", "src/auth.rs", "src/auth/**/*.rs"];
const EXCUSED = join(root, "tests/mutants.tsv");
const FOLDER = join(root, "target/mutants");
/** A copy of the project, in which the mutants are made: an edit of the project changes nothing while they are tried. */
const TREE = join(FOLDER, "tree");
/** Slightly optimised, the crate takes as long to build after a small change, and its tests take a third of the time. */
const ENV = {
  CARGO_TARGET_DIR: join(FOLDER, "target"),
  CARGO_INCREMENTAL: "1",
  CARGO_PROFILE_DEV_DEBUG: "0",
  CARGO_PROFILE_DEV_OPT_LEVEL: "1",
};
/** Tests that read the source as text would notice the mutant's spelling, not what it does. */
const READS_SOURCE = ["circles::", "codes::", "config::", "docs::", "layers::", "words::"];
/** The quick programs run first; each of the next rounds tries only the mutants that survived so far. */
const ROUNDS = [
  { programs: ["--lib", "--test=scim", "--test=idp"], skip: [] },
  { programs: ["--test=console", "--test=house"], skip: READS_SOURCE },
  { programs: ["--test=bounds"], skip: [] },
];
/** A mutant that loops for ever is noticed too. A round takes a tenth of that on a busy machine. */
const TIMEOUT_SECONDS = 300;
/** The part of the sample that may survive with an excuse. */
const SURVIVE_MOST = 0.03;

const number = (name, fallback) => {
  const value = Number(process.env[name] ?? fallback);
  if (!Number.isInteger(value) || value < 1) throw new Failure(`${name} must be a whole number from 1`);
  return value;
};

/** A mutant without its line and column, which move with every change. */
const lasting = (name) => name.replace(/:\d+:\d+: /, ": ");

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Copies the project as it is now. Times of files stay, so only what changed since the last copy is built again. */
function copyProject() {
  rmSync(TREE, { recursive: true, force: true });
  const listed = capture("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  if (listed === null) throw new Failure("git cannot list the files of the project");
  for (const file of listed.split("\0").filter((name) => name && existsSync(join(root, name)))) {
    cpSync(join(root, file), join(TREE, file), { preserveTimestamps: true });
  }
}

function cargo(args) {
  // The program takes its own name first, as cargo hands it over.
  return run(cargoMutants, ["mutants", ...args, ...FILES.flatMap((file) => ["--file", file])], { cwd: TREE, quiet: true, env: ENV });
}

/**
 * Lists every mutant, in the order of this seed: by the hash of seed and key. The key is the name without its place, and which of
 * the mutants of that name it is, so that an edit elsewhere moves none.
 */
async function ordered(seed) {
  const names = (await cargo(["--list"])).split("\n").filter((line) => line.startsWith("src/"));
  if (names.length < 500) throw new Failure(`cargo-mutants lists ${names.length} mutants only`);
  const seen = new Map();
  const mutants = names.map((name) => {
    const nth = (seen.get(lasting(name)) ?? 0) + 1;
    seen.set(lasting(name), nth);
    const key = `${lasting(name)} #${nth}`;
    return { name, key, place: createHash("sha256").update(`${seed} ${key}`).digest("hex") };
  });
  return mutants.sort((a, b) => (a.place < b.place ? -1 : 1));
}

/**
 * Returns a diff that adds the lines of these mutants. cargo-mutants 27.1 applies `--re` to all mutants but those of a struct's
 * fields, and `--in-diff` to these too: together they choose.
 */
function diffOf(names) {
  const places = new Map();
  for (const name of names) {
    const [file, line] = name.split(":", 2);
    places.set(file, [...(places.get(file) ?? []), Number(line)]);
  }
  const hunks = ([file, lines]) => {
    const text = readFileSync(join(TREE, file), "utf8").split("\n");
    const added = [...new Set(lines)].sort((a, b) => a - b).map((line, before) => {
      return `@@ -${line - before - 1},0 +${line},1 @@\n+${text[line - 1]}\n`;
    });
    return `--- a/${file}\n+++ b/${file}\n${added.join("")}`;
  };
  return [...places].map(hunks).join("");
}

/** Runs one round's tests on these mutants; returns a map of name to outcome: caught, missed, timeout or unviable. */
async function attempt(names, { programs, skip }) {
  const output = join(FOLDER, "piece");
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const diff = join(output, "lines.diff");
  writeFileSync(diff, diffOf(names));
  const chosen = ["--in-diff", diff, ...names.flatMap((name) => ["--re", `^${escaped(name)}$`])];
  const how = ["--in-place", "--baseline=skip", `--timeout=${TIMEOUT_SECONDS}`, `--build-timeout=${TIMEOUT_SECONDS}`];
  // Only the parts that one program needs are built, so these are arguments of both runs of cargo.
  const built = ["--locked", ...programs].map((argument) => `--cargo-arg=${argument}`);
  const tests = ["--", ...skip.flatMap((words) => ["--skip", words])].map((argument) => `--cargo-test-arg=${argument}`);
  try {
    await cargo([...how, "--output", output, "--colors=never", ...chosen, ...built, ...tests]);
  } catch (error) {
    // Survivors and time-outs end it with a status of their own; the outcome of each mutant is in the files.
    if (!existsSync(join(output, "mutants.out/caught.txt"))) throw error;
  }
  const outcomes = new Map();
  for (const outcome of ["caught", "missed", "timeout", "unviable"]) {
    const text = readFileSync(join(output, "mutants.out", `${outcome}.txt`), "utf8");
    for (const name of text.split("\n").filter(Boolean)) outcomes.set(name, outcome);
  }
  const lost = names.filter((name) => !outcomes.has(name));
  if (lost.length > 0) throw new Failure(`cargo-mutants said nothing of:\n  ${lost.join("\n  ")}`);
  return outcomes;
}

function excuses() {
  const lines = readFileSync(EXCUSED, "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
  return new Map(lines.map((line) => line.split("\t")));
}

/** Tries these mutants round by round; returns a map of key to outcome. */
async function settle(mutants) {
  const settled = new Map();
  let open = mutants;
  for (const round of ROUNDS) {
    if (open.length === 0) break;
    const outcomes = await attempt(open.map(({ name }) => name), round);
    for (const { name, key } of open) settled.set(key, outcomes.get(name));
    open = open.filter(({ key }) => settled.get(key) === "missed");
  }
  return settled;
}

await main(async () => {
  const [wanted, piece] = [number("MUTANTS", 400), number("MUTANTS_PIECE", 20)];
  const seed = number("MUTANTS_SEED", Date.now() % 1_000_000_000);
  say(`mutants: MUTANTS_SEED=${seed} MUTANTS=${wanted}`);
  await ensureMutants();
  copyProject();
  const [order, excused] = [await ordered(seed), excuses()];
  const gone = [...excused.keys()].filter((key) => !order.some((mutant) => mutant.key === key));
  if (gone.length > 0) throw new Failure(`these lines of tests/mutants.tsv name no mutant:\n  ${gone.join("\n  ")}`);
  // Without this the tests of an unbroken product might fail, and every mutant would count as caught.
  await run("cargo", ["test", "--locked", "--quiet"], { cwd: TREE, quiet: true, env: ENV });
  const path = join(FOLDER, `${seed}.json`);
  const kept = existsSync(path) ? Object.entries(JSON.parse(readFileSync(path, "utf8"))) : [];
  const done = new Map(kept.filter(([key, outcome]) => outcome !== "missed" || excused.has(key)));
  const viable = () => order.filter(({ key }) => (done.get(key) ?? "unviable") !== "unviable").slice(0, wanted);
  while (viable().length < wanted) {
    const next = order.filter(({ key }) => !done.has(key)).slice(0, Math.min(piece, wanted - viable().length));
    if (next.length === 0) break;
    for (const [key, outcome] of await settle(next)) done.set(key, outcome);
    writeFileSync(path, JSON.stringify(Object.fromEntries(done), null, 1));
    say(`${viable().length} of ${wanted} viable mutants tried`);
  }
  const came = (outcome) => viable().filter(({ key }) => done.get(key) === outcome);
  const [survivors, count] = [came("missed"), viable().length];
  for (const { key, name } of survivors) console.log(`survived: ${name}\n  ${key}\t${excused.get(key) ?? "NOT EXCUSED"}`);
  for (const { name } of came("timeout")) console.log(`ran for ${TIMEOUT_SECONDS} s: ${name}`);
  const unviable = [...done.values()].filter((outcome) => outcome === "unviable").length;
  say(`${count} viable of ${order.length} mutants: ${came("caught").length} caught, ${came("timeout").length} ran too long, ` +
    `${survivors.length} survived; ${unviable} did not compile`);
  const open = survivors.filter(({ key }) => !excused.has(key));
  if (open.length > 0) throw new Failure(`${open.length} survivors need a test, or a line in tests/mutants.tsv`);
  if (survivors.length > count * SURVIVE_MOST) throw new Failure(`more than ${SURVIVE_MOST * 100} % of the sample survived`);
});
