// `npm run bench -- growth [USERS...]`: what each operation costs in directories of 1,000 to 1,000,000 users, each with a group of all
// but 300 of them. CPU time and time on the clock of one request after the other, and the rows that it reads; with the test build, which
// counts them. Writes GROWTH.md and growth.svg beside this file; sizes that are named go to target/bench.
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure, main, root, say } from "../scripts/lib/run.mjs";
import { startWorker } from "../scripts/lib/workerd.mjs";
import { Client } from "./lib/client.mjs";
import { patch, person, query, values } from "./lib/directory.mjs";
import { cpuOfGroup, machine } from "./lib/machine.mjs";
import { plot } from "./lib/plot.mjs";
import { edgeVars, prepareEdge, scratch } from "./subjects.mjs";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
/** Users who are in no group, to be added. */
const OUTSIDE = 300;
const REQUESTS = 100;
/** Requests of each operation before those that count. */
const WARM = 30;
const QUIET_MS = 5 * 60_000;
const MEMBERS_A_LINE = 10_000;
const PART_BYTES = 7 * 1024 * 1024;
const PART_LINES = 90_000;
const IMPORT_MS = 30 * 60_000;

const named = process.argv.slice(2).map(Number).filter((size) => size > OUTSIDE);
const sizes = named.length > 0 ? named : SIZES;
const id = (n) => `u-${String(n).padStart(7, "0")}`;

/** The lines of a directory of so many users, for the import. */
function* lines(users) {
  yield { from: 0 };
  for (let n = 0; n < users; n += 1) {
    const { schemas, active, ...attributes } = person(n);
    yield { user: { id: id(n), attributes } };
  }
  yield { group: { id: "everyone", attributes: { displayName: "Everyone" } } };
  const members = users - OUTSIDE;
  for (let from = 0; from < members; from += MEMBERS_A_LINE) {
    const many = Math.min(MEMBERS_A_LINE, members - from);
    yield { members: { id: "everyone", users: Array.from({ length: many }, (_, n) => id(from + n)) } };
  }
}

async function bring(client, key, users) {
  const call = async (method, path, body) => {
    const answer = await client.call({ method, path: `/v1/orgs/bench${path}`, body, key });
    if (answer.status >= 300) throw new Failure(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 300)}`);
    return answer.body;
  };
  await call("PATCH", "", { scim: { enabled: false }, quota: { users: null, bytes: null } });
  await call("POST", "/import");
  let [part, text, here, all] = [1, [], 0, 0];
  const send = async () => {
    await call("PUT", `/import/${part}`, text.join(""));
    [part, text, here] = [part + 1, [], 0];
  };
  const add = async (line) => {
    const written = `${JSON.stringify(line)}\n`;
    if (here + written.length > PART_BYTES || text.length >= PART_LINES) await send();
    text.push(written);
    here += written.length;
  };
  for (const line of lines(users)) {
    await add(line);
    all += 1;
  }
  const counts = { users, activeUsers: users, groups: 1, memberships: users - OUTSIDE, tombstones: 0 };
  await add({ at: 0, counts, lines: all });
  await send();
  await call("POST", "/import/finish");
  for (const until = Date.now() + IMPORT_MS; Date.now() < until; await sleep(200)) {
    const { state, error } = await call("GET", "/import");
    if (state === "failed") throw new Failure(JSON.stringify(error));
    if (state === "done") return void (await call("PATCH", "", { scim: { enabled: true } }));
  }
  throw new Failure(`the import of ${users} users took more than ${IMPORT_MS / 60_000} minutes`);
}

/** The operations; `at` is a user anywhere in the directory. */
const operations = (users) => {
  const at = (n) => (n * 7919 + 13) % (users - OUTSIDE);
  return [
    ["get", (n) => ({ path: `/Users/${id(at(n))}` })],
    ["userName eq", (n) => ({ path: `/Users${query(`userName eq "${person(at(n)).userName}"`)}` })],
    ["e-mail value path", (n) => ({ path: `/Users${query(`emails[type eq "work"].value eq "${person(at(n)).userName}"`)}` })],
    ["create", (n) => ({ method: "POST", path: "/Users", body: person(users + n) })],
    ["PATCH active", (n) => ({ method: "PATCH", path: `/Users/${id(at(n))}`, body: patch({ op: "replace", value: { active: false } }) })],
    ["PUT again", (n) => ({ method: "PUT", path: `/Users/${id(at(n + 200))}`, body: person(at(n + 200)) })],
    ["add 1 member", (n) => ({ method: "PATCH", path: "/Groups/everyone", body: patch({ op: "Add", path: "members", value: values([id(users - OUTSIDE + n)]) }) })],
    ["group look-up", () => ({ path: `/Groups${query('displayName eq "Everyone"', "&excludedAttributes=members")}` })],
    ["page of 100, first", () => ({ path: "/Users?startIndex=1&count=100" })],
    ["page of 100, the next", (n) => ({ path: `/Users?startIndex=${1 + (n % Math.floor(users / 100)) * 100}&count=100` })],
    ["page of 100, a jump", (n) => ({ path: `/Users?startIndex=${Math.floor(users / 2) + n * 3}&count=100` }), 10],
  ];
};

/** Waits until the server computes next to nothing: an import takes its lines away after it is done. */
async function settled(group) {
  for (const until = Date.now() + QUIET_MS; Date.now() < until; ) {
    const before = cpuOfGroup(group);
    await sleep(1000);
    if (cpuOfGroup(group) - before < 50_000) return;
  }
  throw new Failure("the server does not come to rest after the import");
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function measure(users) {
  const [key, persist] = [randomBytes(32).toString("hex"), scratch("disk")];
  const server = await startWorker({ build: join(root, "build-test"), persist, vars: edgeVars(key), limits: {} });
  try {
    const { base, headers } = await prepareEdge(server.url, key);
    const client = new Client(base, headers, 1);
    const began = performance.now();
    await bring(client, key, users);
    const found = { users, importSeconds: Number(((performance.now() - began) / 1000).toFixed(1)), operations: {} };
    await settled(server.pid);
    for (const [name, ask, count = REQUESTS] of operations(users)) {
      let [took, read, cpu] = [[], [], 0];
      for (let n = 0; n < WARM + count; n += 1) {
        if (n === WARM) [took, read, cpu] = [[], [], cpuOfGroup(server.pid)];
        const started = performance.now();
        const answer = await client.send(ask(n));
        if (answer.status >= 300) throw new Failure(`${name} answered ${answer.status}: ${answer.text.slice(0, 300)}`);
        took.push(performance.now() - started);
        read.push(Number((answer.headers["x-test-rows"] ?? "0").split(",")[0]));
      }
      const used = Math.round((cpuOfGroup(server.pid) - cpu) / count);
      found.operations[name] = { cpu: used, p50: Number(median(took).toFixed(2)), read: median(read) };
    }
    client.close();
    return found;
  } finally {
    await server.stop();
    rmSync(persist, { recursive: true, force: true });
  }
}

function page(facts, results) {
  const [least, most] = [results[0], results.at(-1)];
  const head = ["operation", ...results.map(({ users }) => `${users} users`), "CPU, last / first"];
  const body = Object.keys(least.operations).map((name) => {
    const cells = results.map(({ operations: all }) => `${all[name].cpu} us, ${all[name].p50} ms, ${all[name].read} rows`);
    return [name, ...cells, (most.operations[name].cpu / least.operations[name].cpu).toFixed(2)];
  });
  const imports = ["import", ...results.map(({ importSeconds }) => `${importSeconds} s`), "-"];
  const rows = [head, head.map(() => "---"), ...body, imports].map((cells) => `| ${cells.join(" | ")} |`);
  const known = Object.entries(facts).map(([name, value]) => `- ${name}: ${value}`);
  return `# Growth, measured by \`npm run bench -- growth\`\n\n${known.join("\n")}\n\nCPU of all processes, median time, median of rows read; test build under Miniflare, storage on disk.\n\n${rows.join("\n")}\n`;
}

await main(async () => {
  const [facts, results] = [machine(), []];
  for (const users of sizes) {
    results.push(await measure(users));
    say(`${users} users: import in ${results.at(-1).importSeconds} s`);
  }
  const folder = named.length > 0 ? join(root, "target/bench") : join(root, "bench");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "GROWTH.md"), page(facts, results));
  writeFileSync(join(folder, "growth.svg"), plot(results));
  console.log(page(facts, results));
  say(`Written to ${relative(root, folder)}`);
});
