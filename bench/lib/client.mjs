// Requests to one server over connections that stay open, and the load of one kind of work.
import { Agent, request } from "node:http";
import { cpuOfGroup } from "./machine.mjs";

const TIMEOUT_MS = 60_000;

/** A client of `base` with so many connections; `headers` go with each request. */
export class Client {
  constructor(base, headers, connections) {
    const { hostname, port, pathname } = new URL(base);
    this.prefix = pathname === "/" ? "" : pathname;
    this.connections = connections;
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.options = { hostname, port, agent: this.agent };
    this.headers = headers;
  }

  /** Sends `{ method, path, body, key }`, where `key` replaces the token, and returns status, headers and text. */
  send({ method = "GET", path, body, key }) {
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const headers = { ...this.headers };
    if (key) headers.Authorization = `Bearer ${key}`;
    if (text !== undefined) Object.assign(headers, { "Content-Type": "application/scim+json", "Content-Length": Buffer.byteLength(text) });
    const where = key ? path : this.prefix + path;
    return new Promise((done, fail) => {
      const sent = request({ ...this.options, method, path: where, headers, timeout: TIMEOUT_MS }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("error", fail);
        answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString() }));
      });
      sent.on("timeout", () => sent.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
      sent.on("error", fail);
      sent.end(text);
    });
  }

  /** Sends and reads the answer's JSON as `body`. */
  async call(asked) {
    const answer = await this.send(asked);
    try {
      return { ...answer, body: JSON.parse(answer.text) };
    } catch {
      return { ...answer, body: null };
    }
  }

  close() {
    this.agent.destroy();
  }
}

/**
 * Sends `ask(n)` for n = 0, 1, ... on all connections until `count` requests were sent or `seconds` are over, and each connection
 * had one. Returns requests a second, p50 and p99 in milliseconds, CPU of the process group in microseconds a request, and
 * how many answers `good` refused.
 */
export async function load(client, group, { ask, good, count, seconds, connections = client.connections }) {
  const took = [];
  let [next, wrong] = [0, 0];
  const [began, cpu] = [performance.now(), cpuOfGroup(group)];
  const until = began + seconds * 1000;
  const one = async () => {
    do {
      const n = next++;
      if (n >= count) return;
      const started = performance.now();
      const answer = await client.send(ask(n));
      took.push(performance.now() - started);
      if (!good(answer)) wrong += 1;
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: connections }, one));
  const elapsed = (performance.now() - began) / 1000;
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const used = (cpuOfGroup(group) - cpu) / took.length;
  return { requests: took.length, perSecond: took.length / elapsed, p50: at(0.5), p99: at(0.99), cpu: used, seconds: elapsed, wrong };
}
