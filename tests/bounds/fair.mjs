// `npm run test:long -- fair`: one token does its worst for a minute, and another organisation in the same isolate must not
// notice much: none of its requests fails, half of them take at most twice as long as before, the slowest waits 2.5 s. It wants a
// machine that does nothing else. The load runs in a thread of its own, so that what it costs the client is not taken for the
// service's time. FAIR_SECONDS is how long (60).
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { organisation, patch, scimCall, user } from "../worker/client.mjs";
import { start } from "../worker/harness.mjs";

const SECONDS = Number(process.env.FAIR_SECONDS ?? 60);
const SLOWEST_MAX = 2_500;
const CONNECTIONS = 8;

/** Asks for one thing after the other until `going` says no; gives what each answer was, when, and how long it took. */
async function ask(going, one) {
  const took = [];
  while (going()) {
    const began = performance.timeOrigin + performance.now();
    const status = await one();
    took.push({ began, status, took: performance.timeOrigin + performance.now() - began });
    await sleep(10);
  }
  return took;
}

/** The load: eight connections with one token, which ask for the worst again and again, whatever they are answered. */
async function load({ base, token, path, body, milliseconds }) {
  const until = performance.now() + milliseconds;
  const one = async () => (await scimCall(base, token, "PATCH", path, body)).status;
  return (await Promise.all(Array.from({ length: CONNECTIONS }, () => ask(() => performance.now() < until, one)))).flat();
}

async function measure() {
  const server = await start({ vars: { OBJECT_SECONDS: "0.5 5" } });
  try {
    const [loud, quiet] = [await organisation(server, "loud"), await organisation(server, "quiet")];
    const roles = Array.from({ length: 1_000 }, (_, n) => ({ value: `role ${n}` }));
    const made = await loud.scim("POST", "/Users", { ...user("loud"), roles });
    assert.equal(made.status, 201, JSON.stringify(made.body).slice(0, 300));
    const { id } = (await quiet.scim("POST", "/Users", user("quiet"))).body;
    const worst = patch(...Array.from({ length: 1_000 }, (_, n) => ({ op: "remove", path: `roles[value eq "no ${n}"]` })));

    let going = true;
    const read = async () => (await quiet.scim("GET", `/Users/${id}`)).status;
    const reading = () => ask(() => going, read);
    const alone = reading();
    await sleep(10_000);
    going = false;
    const before = await alone;

    going = true;
    const path = `/Users/${made.body.id}`;
    const workerData = { base: loud.base, token: loud.token, path, body: JSON.stringify(worst), milliseconds: SECONDS * 1_000 };
    const thread = new Worker(new URL(import.meta.url), { workerData });
    const pushed = new Promise((resolve, reject) => thread.on("message", resolve).on("error", reject));
    const meanwhile = reading();
    const loads = await pushed;
    going = false;
    report(before, await meanwhile, loads);
  } finally {
    await server.stop();
  }
}

function report(before, beside, loads) {
  const refusals = loads.filter(({ status }) => status === 429);
  assert.ok(refusals.length > 0, "the bucket was never spent");
  const spentAt = Math.min(...refusals.map(({ began }) => began));
  const counts = Object.groupBy(loads, ({ status }) => status);
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
}

if (isMainThread) await measure();
else parentPort.postMessage(await load(workerData));
