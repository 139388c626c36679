// `npm run test:quirks`: docs/idp/README.md against the tests. Every test that it names is there; and each repair, switched
// off, makes the tests of its rows fail, in the row itself and in what becomes of the request, not in its name alone.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, main, root, run, say } from "./lib/run.mjs";

const TABLE = "docs/idp/README.md";
const TESTS = "tests/idp/repairs.rs";
const LIMIT_MS = 600_000;

const read = (path) => readFileSync(join(root, path), "utf8");
const quoted = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text);

/** The names of the repairs, as the code has them. */
function repairs() {
  return [...read("src/dialect/repair.rs").matchAll(/\(Repair::\w+, "(\w+)"\)/g)].map(([, name]) => name);
}

/** The rows that have a test. */
function rows(names) {
  const cells = read(TABLE).split("\n").filter((line) => /^\| [A-Z0-9]+-\d\d \|/.test(line)).map((line) => line.split(" | "));
  return cells.filter((row) => row.length === 4).map(([id, , what, tests]) => ({
    id: id.slice(2),
    repairs: quoted(what).filter((text) => names.includes(text)),
    tests: quoted(tests).map((text) => text.match(/^(\S+) (.+)$/).slice(1)),
  }));
}

/** A named test is a function of its file, or a title in it. */
function isThere([file, test]) {
  const text = existsSync(join(root, file)) ? read(file) : "";
  return text.includes(`fn ${test}()`) || text.includes(`test(${test},`);
}

/** The test program, built so that a repair can be switched off. */
async function build() {
  const args = ["test", "--locked", "--features", "repair-switch", "--test", "idp", "--no-run", "--message-format=json"];
  const output = await run("cargo", args, { quiet: true });
  const messages = output.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const program = messages.find((message) => message.executable && message.target.name === "idp");
  if (!program) throw new Failure("cargo built no test program");
  return program.executable;
}

/** The failures while a repair is off: for each test the lines of its rows that do not hold. */
function failing(program, off) {
  const env = { ...process.env, REPAIR_OFF: off, RUST_BACKTRACE: "0" };
  const { stdout, error } = spawnSync(program, ["repairs::"], { cwd: root, env, encoding: "utf8", timeout: LIMIT_MS, maxBuffer: 64 << 20 });
  if (error) throw new Failure(`${TESTS} cannot be run: ${error.message}`);
  const sections = stdout.split(/^---- repairs::(\w+) stdout ----$/m).slice(1);
  const rowOf = (line) => line.match(/^([A-Z0-9]+-\d\d[A-Z0-9 -]*): (.*)/)?.slice(1);
  const tests = sections.flatMap((text, at) => (at % 2 === 0 ? [[text, sections[at + 1].split("\n").map(rowOf).filter(Boolean)]] : []));
  return Object.fromEntries(tests);
}

await main(async () => {
  const names = repairs();
  const table = rows(names);
  const wrong = table.flatMap(({ id, tests }) => tests.filter((test) => !isThere(test)).map((test) => `${id}: no test ${test.join(" ")}`));
  const program = await build();
  const always = Object.keys(failing(program, ""));
  if (always.length > 0) throw new Failure(`${TESTS} fails with every repair on: ${always.join(", ")}`);
  for (const name of names) {
    const failed = failing(program, name);
    const own = table.filter((row) => row.repairs.includes(name));
    const lines = own.flatMap(({ id, tests }) => {
      const found = tests.filter(([file]) => file === TESTS).flatMap(([, test]) => failed[test] ?? []);
      const about = found.filter(([ids]) => ids.split(" ").includes(id));
      if (about.length === 0) wrong.push(`${id}: holds without ${name}`);
      return about;
    });
    if (own.length === 0) wrong.push(`${name}: in no row`);
    if (lines.every(([, what]) => what.startsWith("repairs is "))) wrong.push(`${name}: without it only the journal differs`);
  }
  say(`${names.length} repairs switched off, ${table.length} rows`);
  if (wrong.length > 0) throw new Failure(`${TABLE} and the tests differ:\n${wrong.join("\n")}`);
});
