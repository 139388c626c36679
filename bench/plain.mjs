// CPU of workerd a request, beside the floors', without Miniflare's proxy: the unit of the budgets. All are measured in turns,
// so that what else the machine does falls on all of them.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { root } from "../scripts/lib/run.mjs";
import { Client, load } from "./lib/client.mjs";
import { fill } from "./lib/directory.mjs";
import { startPlain } from "./lib/workerd.mjs";
import { edgeVars, prepareEdge, scratch } from "./subjects.mjs";
import { floorRows, rows } from "./work.mjs";

const TURNS = 3;
/** Each kind of work with the floor that its budget names. */
const BUDGETS = { create: "insert", get: "hop", "userName eq": "hop", "PATCH active, Okta": "insert", "PUT again": "hop", "page of 100, first": null };

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function open(build, vars, prepare) {
  const server = await startPlain(join(root, build), scratch("memory"), vars);
  try {
    const { base, headers, key } = await prepare(server.url);
    return { ...server, base, headers, client: new Client(base, headers, 1), key };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Measures the rows; returns `floors` and `rows` in CPU microseconds a request. */
export async function measurePlain(size, tell) {
  const key = randomBytes(32).toString("hex");
  const servers = [];
  try {
    const floor = await open("bench/floor", {}, (url) => ({ base: url, headers: {} }));
    servers.push(floor);
    const edge = await open("build", edgeVars(key), (url) => prepareEdge(url, key));
    servers.push(edge);
    const filling = new Client(edge.base, edge.headers, 8);
    const directory = await fill(filling, { ...size, groups: 1 });
    filling.close();
    const work = [
      ...floorRows.map((row) => ({ ...row, server: floor, took: [] })),
      ...Object.keys(BUDGETS).map((name) => ({ ...rows.find((row) => row.name === name), server: edge, took: [] })),
    ];
    for (let turn = 0; turn <= TURNS; turn += 1) {
      for (const row of work) {
        const count = Math.max(20, Math.round(row.count * size.share));
        const ask = (n) => row.ask(directory, turn * count + n);
        const { cpu, wrong } = await load(row.server.client, row.server.group, { ...row, ask, count, seconds: size.seconds, connections: 1 });
        if (wrong > 0) throw new Error(`${row.name}: ${wrong} wrong answers`);
        // The first turn warms up.
        if (turn > 0) row.took.push(cpu);
      }
      tell(`plain workerd: turn ${turn} of ${TURNS}`);
    }
    const cpu = (row) => Math.round(median(row.took));
    const floors = work.filter(({ server }) => server === floor).map((row) => [row.name, cpu(row)]);
    const measured = work.filter(({ server }) => server === edge).map((row) => ({ name: row.name, cpu: cpu(row), floor: BUDGETS[row.name] }));
    return { turns: TURNS, floors: Object.fromEntries(floors), rows: measured };
  } finally {
    for (const { client, stop } of servers) {
      client.close();
      await stop();
    }
  }
}
