// Measures everything once and writes table and JSON: what bench/main.mjs starts with the packages' Node.
// `node run.mjs [--quick | --smoke] [NAME...]`; a name is the beginning of a server's, or `plain`.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Failure, main, root, say } from "../scripts/lib/run.mjs";
import { machine } from "./lib/machine.mjs";
import { FULL, QUICK, SMOKE, countRows, measure } from "./measure.mjs";
import { measurePlain } from "./plain.mjs";
import { FOLDERS, MISSING, edge, floor, peers } from "./subjects.mjs";
import { page } from "./table.mjs";

const words = process.argv.slice(2);
const [quick, smoke] = ["--quick", "--smoke"].map((flag) => words.includes(flag));
const names = words.filter((word) => !word.startsWith("--"));
const size = smoke ? SMOKE : quick ? QUICK : FULL;

const storages = Object.keys(FOLDERS).filter((storage) => existsSync(FOLDERS[storage]));
const all = () => {
  const others = peers();
  return storages.flatMap((storage) => [floor(storage), edge(storage), ...others.filter((peer) => peer.storage === storage)]);
};
const wanted = (name) => names.length === 0 || names.some((word) => name.startsWith(word));

/** Where table and JSON go: a whole run's are kept in the project. */
function written(results) {
  const whole = !quick && names.length === 0;
  const folder = whole ? join(root, "bench") : join(root, "target/bench");
  mkdirSync(folder, { recursive: true });
  const files = [join(folder, "RESULTS.md"), join(folder, "results.json")];
  writeFileSync(files[0], page(results));
  writeFileSync(files[1], `${JSON.stringify(results, null, 1)}\n`);
  return files.map((file) => relative(root, file)).join(" and ");
}

/** Checks scim-edge's answers only; nothing is written. */
async function checked() {
  const { rows, reason } = await measure(edge("disk", "build-test"), size, say);
  const wrong = Object.entries(rows).filter(([, { error }]) => error);
  if (reason || wrong.length > 0) throw new Failure(reason ?? wrong.map(([name, { error }]) => `${name}: ${error}`).join("\n"));
  say(`${Object.keys(rows).length} kinds of work are answered as they must be`);
}

await main(async () => {
  if (smoke) return checked();
  const began = performance.now();
  const before = machine();
  const subjects = [];
  for (const subject of all().filter(({ name }) => wanted(name))) subjects.push(await measure(subject, size, say));
  const plain = wanted("plain") && storages.includes("memory") ? await measurePlain(size, say) : null;
  const counts = wanted("scim-edge") ? await countRows(size, say) : null;
  const results = { machine: before, size, connections: 8, subjects, plain, counts, missing: MISSING };
  const files = written(results);
  console.log(`\n${page(results)}`);
  say(`Written to ${files} after ${Math.round((performance.now() - began) / 1000)} s`);
});
