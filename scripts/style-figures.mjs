// Counts three figures of the source's language: functions whose name is one word, comments inside code, and type names that
// several files declare. `node scripts/style-figures.mjs` prints them; with a FOLDER it counts another copy of src, with `--list` it
// names them.
//
// Counted is the code below src without its tests: files named tests, and what follows `#[cfg(test)]` in a file.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv.slice(2).find((word) => !word.startsWith("--")) ?? "src";
const list = process.argv.includes("--list");

const files = readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith(".rs") && !/(^|\/)tests(\.rs|\/)/.test(name))
  .sort();

const functions = [];
const types = new Map();
let code = 0;
let comments = 0;
let lines = 0;
for (const file of files) {
  const text = readFileSync(join(folder, file), "utf8").split(/^#\[cfg\(test\)\]/m)[0];
  for (const line of text.split("\n")) {
    lines += 1;
    if (/^\s*\/\/(?![/!])/.test(line)) comments += 1;
    else if (line.trim() !== "" && !/^\s*\/\//.test(line)) code += 1;
    const named = line.match(/^\s*(?:pub(?:\([^)]*\))? )?(?:const |async )*fn (\w+)/);
    if (named) functions.push(named[1]);
    const type = line.match(/^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|type) (\w+)/);
    // A trait's associated type is named by the trait.
    if (type && !/^\s+type /.test(line)) types.set(type[1], [...(types.get(type[1]) ?? []), file]);
  }
}
const oneWord = functions.filter((name) => !name.replace(/^_/, "").includes("_"));
const shared = [...types].filter(([, where]) => where.length > 1);
const declared = [...types.values()].flat().length;
const sharing = shared.flatMap(([, where]) => where).length;
const share = (part, whole) => `${part} of ${whole} (${((100 * part) / whole).toFixed(1)} %)`;

console.log(`files ${files.length}, lines ${lines}`);
console.log(`functions whose name is one word: ${share(oneWord.length, functions.length)}`);
console.log(`comments inside code, in lines:   ${share(comments, code)}`);
console.log(`types that share their name:      ${share(sharing, declared)}, ${shared.length} names`);
if (list) {
  const count = new Map();
  for (const name of oneWord) count.set(name, (count.get(name) ?? 0) + 1);
  console.log([...count].sort((a, b) => b[1] - a[1]).map(([name, times]) => `${name} ${times}`).join(", "));
  for (const [name, where] of shared) console.log(`${name}: ${where.join(", ")}`);
}
