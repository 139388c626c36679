// `npm test`: everything that must hold, in order, up to the first failure. The last line is the sum of all tests.
import { stripVTControlCharacters } from "node:util";
import { ensurePackages } from "./lib/packages.mjs";
import { report, say } from "./lib/run.mjs";
import * as steps from "./lib/steps.mjs";

const order = [
  ["npm packages", ensurePackages],
  ["cargo fmt", steps.format],
  ["clippy, native", steps.clippyNative],
  ["clippy, wasm32", steps.clippyWasm],
  ["types of the example", steps.types],
  ["cargo test", steps.cargoTest],
  ["build", () => steps.build()],
  ["build with test hooks", () => steps.build("--test-hooks")],
  ["tests in workerd", steps.workerTests],
  ["scim2-tester", steps.conformance],
  ["schemathesis", () => steps.openapi()],
  ["generated clients", steps.clients],
  ["size", steps.size],
];
const SLOWEST = 5;

// The lines that tell how many tests passed and failed: cargo writes one for each test program, Node one for all files, and
// tests/conformance/run.py, tests/openapi/hooks.py and tests/clients/run.mjs one each.
const COUNTS = {
  passed: [/^test result: .*?(\d+) passed/gm, /^. pass (\d+)$/gm, /^(?:scim2-tester|schemathesis|clients): (\d+) \w+ passed/gm],
  failed: [/^test result: .*?(\d+) failed/gm, /^. fail (\d+)$/gm, /^(?:scim2-tester|schemathesis|clients): .*?(\d+) failed$/gm],
};

const total = { passed: 0, failed: 0 };
const times = [];

function count(output) {
  const text = stripVTControlCharacters(output ?? "");
  for (const [kind, patterns] of Object.entries(COUNTS)) {
    for (const match of patterns.flatMap((pattern) => [...text.matchAll(pattern)])) total[kind] += Number(match[1]);
  }
}

/** Runs one step; says whether it went well. */
async function step(name, body) {
  say(`== ${name}`);
  const started = Date.now();
  const failedBefore = total.failed;
  try {
    count(await body());
    return true;
  } catch (error) {
    count(error.output);
    // A step that fails without a failed test, such as a lint, counts as one.
    if (total.failed === failedBefore) total.failed += 1;
    report(error, `${name}: `);
    return false;
  } finally {
    times.push([name, (Date.now() - started) / 1000]);
  }
}

let ok = true;
for (const [name, body] of order) {
  ok = await step(name, body);
  if (!ok) break;
}

const sum = times.reduce((seconds, [, own]) => seconds + own, 0);
console.log(`\nSlowest steps (${sum.toFixed(0)} s in all)`);
for (const [name, seconds] of times.sort((a, b) => b[1] - a[1]).slice(0, SLOWEST)) {
  console.log(`${seconds.toFixed(1).padStart(8)} s  ${name}`);
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = ok && total.failed === 0 ? 0 : 1;
