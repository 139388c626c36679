// `npm run test:long -- fair`: one token does its worst for a minute, and another organisation in the same isolate must not
// notice much: none of its requests fails, half of them take at most twice as long as before, the slowest waits 2.5 s. It wants a
// machine that does nothing else. FAIR_SECONDS is how long (60).
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { organisation, patch, user } from "../worker/client.mjs";
import { start } from "../worker/harness.mjs";

const SECONDS = Number(process.env.FAIR_SECONDS ?? 60);
const SLOWEST_MAX = 2_500;
const CONNECTIONS = 8;

const server = await start({ vars: { OBJECT_SECONDS: "0.5 5" } });
try {
  const [loud, quiet] = [await organisation(server, "loud"), await organisation(server, "quiet")];
  const roles = Array.from({ length: 1_000 }, (_, n) => ({ value: `role ${n}` }));
  const made = await loud.scim("POST", "/Users", { ...user("loud"), roles });
  assert.equal(made.status, 201, JSON.stringify(made.body).slice(0, 300));
  const { id } = (await quiet.scim("POST", "/Users", user("quiet"))).body;
  const worst = patch(...Array.from({ length: 1_000 }, (_, n) => ({ op: "remove", path: `roles[value eq "no ${n}"]` })));

  let going = true;
  /** Asks for one thing after the other; gives what each answer was, when, and how long it took. */
  const ask = async (body) => {
    const took = [];
    while (going) {
      const began = performance.now();
      took.push({ began, status: await body(), took: performance.now() - began });
      await sleep(10);
    }
    return took;
  };
  const read = async () => (await quiet.scim("GET", `/Users/${id}`)).status;

  const alone = ask(read);
  await sleep(10_000);
  going = false;
  const before = await alone;

  going = true;
  const pushed = Array.from({ length: CONNECTIONS }, () => ask(async () => (await loud.scim("PATCH", `/Users/${made.body.id}`, worst)).status));
  const meanwhile = ask(read);
  await sleep(SECONDS * 1_000);
  going = false;
  const [beside, ...loads] = await Promise.all([meanwhile, ...pushed]);

  const refusals = loads.flat().filter(({ status }) => status === 429);
  assert.ok(refusals.length > 0, "the bucket was never spent");
  const spentAt = Math.min(...refusals.map(({ began }) => began));
  const counts = Object.groupBy(loads.flat(), ({ status }) => status);
  console.log(`the load: ${Object.entries(counts).map(([status, all]) => `${all.length} x ${status}`).join(", ")}`);
  const figures = (what, list) => {
    const sorted = list.map(({ took }) => took).sort((a, b) => a - b);
    const [p50, slowest] = [sorted[Math.floor(sorted.length / 2)] ?? 0, sorted.at(-1) ?? 0];
    const failed = list.filter(({ status }) => status !== 200).length;
    console.log(`${what.padEnd(30)} ${list.length} requests, ${failed} failed, p50 ${p50.toFixed(1)} ms, slowest ${slowest.toFixed(0)} ms`);
    return { p50, slowest, failed };
  };
  const usual = figures("alone", before);
  const spending = figures("while the bucket is spent", beside.filter(({ began }) => began < spentAt));
  const spent = figures("after it is spent", beside.filter(({ began }) => began >= spentAt));
  assert.equal(usual.failed + spending.failed + spent.failed, 0);
  assert.ok(spent.p50 <= 2 * usual.p50, "p50 is more than doubled");
  assert.ok(spent.slowest <= SLOWEST_MAX, "the slowest waited too long");
} finally {
  await server.stop();
}
