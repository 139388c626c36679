// One server after the other: started, filled, each kind of work checked and measured, stopped.
import { Client, load } from "./lib/client.mjs";
import { fill } from "./lib/directory.mjs";
import { edge } from "./subjects.mjs";
import { floorRows, rows } from "./work.mjs";

const CONNECTIONS = 8;
/** Requests of each kind whose rows are counted. */
const COUNTED = 5;

/** Sizes and times of a whole run and of a quick one. */
export const FULL = { users: 10_300, groups: 100, members: 10_000, seconds: 5, share: 1 };
export const QUICK = { users: 700, groups: 10, members: 600, seconds: 0.5, share: 0.1 };
/** A run of some seconds that only checks the answers. */
export const SMOKE = { users: 700, groups: 5, members: 600, seconds: 10, share: 0, least: 20 };

const rounded = (number, digits = 1) => Number(number.toFixed(digits));

function figures({ perSecond, p50, p99, cpu, requests, wrong }) {
  return { perSecond: rounded(perSecond), p50: rounded(p50, 2), p99: rounded(p99, 2), cpu: Math.round(cpu), requests, wrong };
}

async function measured(client, group, row, directory, size) {
  try {
    const wrong = await row.check?.(client, directory);
    if (wrong) return { error: wrong };
    const count = Math.max(size.least ?? 8, Math.round(row.count * size.share));
    const work = { ...row, ask: (n) => row.ask(directory, n), count, seconds: size.seconds };
    const result = figures(await load(client, group, work));
    if (result.wrong > 0) return { error: `${result.wrong} of ${result.requests} answers were refusals` };
    const after = await row.after?.(client, directory);
    return after ? { error: after } : result;
  } catch (error) {
    return { error: error.message };
  }
}

/** Measures one server; `tell` gets a line for each kind of work. Returns its rows by name, or why it could not be measured. */
export async function measure(subject, size, tell) {
  let server;
  const found = { name: subject.name, kind: subject.kind, storage: subject.storage, rows: {} };
  try {
    server = await subject.start();
  } catch (error) {
    return { ...found, reason: error.message };
  }
  const client = new Client(server.base, server.headers, CONNECTIONS);
  try {
    let directory = null;
    if (subject.kind !== "floor") {
      directory = { ...(await fill(client, size)), key: server.key };
      const { requests, seconds } = directory.sync;
      found.rows["first sync"] = { perSecond: rounded(requests / seconds), seconds: rounded(seconds), requests };
      tell(`${subject.name}: first sync of ${size.users} users and ${size.groups} groups in ${seconds.toFixed(1)} s`);
    }
    for (const row of subject.kind === "floor" ? floorRows : rows) {
      if (row.own && subject.kind !== "edge") continue;
      const result = await measured(client, server.group, row, directory, size);
      found.rows[row.name] = result;
      tell(`${subject.name}: ${row.name}: ${result.error ? `wrong: ${result.error}` : `${result.perSecond}/s, p50 ${result.p50} ms, p99 ${result.p99} ms, CPU ${result.cpu} us`}`);
    }
  } catch (error) {
    found.reason = error.message;
  } finally {
    client.close();
    await server.stop();
  }
  return found;
}

/** Counts the rows that each kind of work reads and writes, with the test build: the median of some requests. */
export async function countRows(size, tell) {
  const server = await edge("disk", "build-test").start();
  const client = new Client(server.base, server.headers, CONNECTIONS);
  const counted = {};
  try {
    const directory = { ...(await fill(client, size)), key: server.key };
    for (const row of rows) {
      const seen = [];
      for (let n = 0; n < COUNTED; n += 1) {
        const { headers } = await client.send(row.ask(directory, n));
        if (headers["x-test-rows"]) seen.push(headers["x-test-rows"].split(",").map(Number));
      }
      const middle = (at) => seen.map((one) => one[at]).sort((a, b) => a - b)[seen.length >> 1];
      if (seen.length > 0) counted[row.name] = { read: middle(0), written: middle(1) };
    }
  } finally {
    client.close();
    await server.stop();
  }
  tell(`rows counted with ${size.users} users`);
  return counted;
}
