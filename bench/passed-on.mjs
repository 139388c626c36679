// Measures what the edge saves by passing an object's answer on unread: `node bench/passed-on.mjs BUILD BUILD`, each a folder with
// index.js and index_bg.wasm. Both are measured in turns, so that what else the machine does falls on both: CPU time of
// workerd's process a request, in microseconds, the median of the turns.
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { organisation, patch, user } from "../tests/worker/client.mjs";
import { start } from "../tests/worker/harness.mjs";

const TURNS = 5;
const USERS = 1000;
const builds = process.argv.slice(2).map((path) => resolve(path));
const rows = [
  ["get", 1500, (org, n) => org.scim("GET", `/Users/${org.ids[n % USERS]}`)],
  ["userName eq", 1000, (org, n) => org.scim("GET", `/Users?filter=userName+eq+%22p${n % USERS}%22`)],
  ["create", 400, (org) => org.scim("POST", "/Users", user(`new${(org.made += 1)}`))],
  ["patch", 400, (org, n) => org.scim("PATCH", `/Users/${org.ids[n % USERS]}`, patch({ op: "replace", path: "title", value: `t${(org.made += 1)}` }))],
  ["page of 100", 100, (org, n) => org.scim("GET", `/Users?count=100&startIndex=${1 + (n % 9) * 100}`)],
  ["group of 10,000", 12, (org) => org.scim("GET", `/Groups/${org.group}`)],
];

/** The CPU time of workerd's process so far, in microseconds: 100 ticks a second on Linux. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const workerds = () =>
  readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && command(pid).includes("workerd"));
function command(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

async function serve(build) {
  const before = new Set(workerds());
  process.env.SCIM_EDGE_BUILD = build;
  const server = await start();
  const pid = workerds().find((one) => !before.has(one));
  const org = await organisation(server, "acme");
  org.made = 0;
  const bulk = async (count, make) => {
    const ids = [];
    for (let from = 0; from < count; from += 1000) {
      const Operations = Array.from({ length: 1000 }, (_, n) => ({ method: "POST", path: "/Users", bulkId: `b${n}`, data: make(from + n) }));
      const { body } = await org.scim("POST", "/Bulk", { Operations });
      ids.push(...body.Operations.map((done) => done.location.split("/").at(-1)));
    }
    return ids;
  };
  org.ids = await bulk(USERS, (n) => user(`p${n}`));
  const members = (await bulk(10_000, (n) => ({ userName: `m${n}` }))).map((value) => ({ value }));
  org.group = (await org.scim("POST", "/Groups", { displayName: "all", members })).body.id;
  return { server, pid, org };
}

const served = [];
for (const build of builds) served.push(await serve(build));
for (const [name, count, ask] of rows) {
  const took = served.map(() => []);
  for (let turn = 0; turn <= TURNS; turn += 1) {
    for (const [at, { pid, org }] of served.entries()) {
      const began = cpu(pid);
      for (let n = 0; n < count; n += 4) await Promise.all([0, 1, 2, 3].map((more) => ask(org, n + more)));
      // The first turn warms up.
      if (turn > 0) took[at].push((cpu(pid) - began) / count);
    }
  }
  const middle = took.map((turns) => Math.round(turns.toSorted((a, b) => a - b)[Math.floor(TURNS / 2)]));
  console.log(name.padEnd(18), middle.join("  "));
}
for (const { server } of served) await server.stop();
