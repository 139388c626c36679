// Measures the start-up in workerd, from a new process to the first answer of /healthz: `node bench/startup.mjs BUILD...`, each a
// folder with index.js and index_bg.wasm. An empty Worker is measured in the same turns and taken off, so what is left is
// to compile, instantiate and first run the wasm. Prints the median and the largest of the turns in milliseconds: CPU time
// of the process, and the time on the clock.
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "../scripts/lib/run.mjs";

const TURNS = 15;
const EMPTY = `export class Org {} export class Registry {} export default { fetch: () => new Response("ok") };`;
const date = readFileSync(join(root, "wrangler.toml"), "utf8").match(/^compatibility_date = "(.*)"$/m)[1];

/** The configuration for workerd: the Worker, its two objects and the variables that it must have. */
function config(modules) {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]);
const main :Workerd.Worker = (modules = [${modules}], compatibilityDate = "${date}",
  bindings = [(name = "WORKER_NAME", text = "scim-edge"), (name = "OBJECT_SECONDS", text = "")],
  durableObjectNamespaces = [(className = "Org", uniqueKey = "org"), (className = "Registry", uniqueKey = "registry")],
  durableObjectStorage = (inMemory = void));
`;
}

/** CPU time of all threads of a process so far, in milliseconds. */
function cpu(pid) {
  const nanoseconds = (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + nanoseconds(thread), 0) / 1e6;
}

/** Starts workerd in that folder and asks once. */
async function turn(folder) {
  const started = performance.now();
  const child = spawn(join(root, "node_modules/.bin/workerd"), ["serve", "config.capnp", "--control-fd=3"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const ended = new Promise((done) => child.once("exit", done));
  for await (const line of createInterface({ input: child.stdio[3] })) {
    const { event, port } = JSON.parse(line);
    if (event !== "listen") continue;
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
    if (answer.status !== 200) throw new Error(`/healthz answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
    break;
  }
  const took = { clock: performance.now() - started, cpu: cpu(child.pid) };
  child.kill("SIGKILL");
  await ended;
  return took;
}

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const median = (numbers) => sorted(numbers)[numbers.length >> 1];

const scratch = mkdtempSync(join(tmpdir(), "startup-"));
const folders = ["", ...process.argv.slice(2)].map((build, n) => {
  const folder = join(scratch, String(n));
  mkdirSync(folder);
  if (build === "") writeFileSync(join(folder, "index.js"), EMPTY);
  else for (const file of ["index.js", "index_bg.wasm"]) copyFileSync(join(build, file), join(folder, file));
  const script = `(name = "index.js", esModule = embed "index.js")`;
  writeFileSync(join(folder, "config.capnp"), config(build === "" ? script : `${script}, (name = "index_bg.wasm", wasm = embed "index_bg.wasm")`));
  return { build, folder, cpu: [], clock: [] };
});
for (let n = 0; n < TURNS; n += 1) {
  for (const one of folders) {
    const took = await turn(one.folder);
    one.cpu.push(took.cpu);
    one.clock.push(took.clock);
  }
}
const [empty, ...builds] = folders;
for (const one of builds) {
  const figures = ["cpu", "clock"].map((kind) => {
    const more = one[kind].map((took) => took - median(empty[kind]));
    return `${kind} median ${median(more).toFixed(1)} ms, most ${Math.max(...more).toFixed(1)} ms`;
  });
  console.log(`${one.build}: ${figures.join("; ")}`);
}
rmSync(scratch, { recursive: true });
