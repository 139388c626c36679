// Plain workerd, without Miniflare's proxy: a configuration, a process, a port. Its KV is a Worker with a map.
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "../../scripts/lib/run.mjs";
import { setting } from "../../scripts/lib/wrangler.mjs";

// The binding of KV sends GET, PUT and DELETE of /KEY.
const KV = `const stored = new Map();
export default {
  async fetch(request) {
    const key = new URL(request.url).pathname;
    if (request.method === "PUT") stored.set(key, await request.text());
    else if (request.method === "DELETE") stored.delete(key);
    else return stored.has(key) ? new Response(stored.get(key)) : new Response(null, { status: 404 });
    return new Response(null);
  },
};`;

function config(wasm, vars) {
  const texts = Object.entries(vars).map(([name, value]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(value)})`);
  const modules = [`(name = "index.js", esModule = embed "index.js")`, ...(wasm ? [`(name = "index_bg.wasm", wasm = embed "index_bg.wasm")`] : [])];
  const date = setting("compatibility_date");
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "kv", worker = .kv), (name = "state", disk = (path = "state", writable = true))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]);
const main :Workerd.Worker = (
  modules = [${modules.join(", ")}],
  compatibilityDate = "${date}",
  bindings = [${[...texts, `(name = "TOKENS", kvNamespace = "kv")`, `(name = "ORG", durableObjectNamespace = "Org")`, `(name = "REGISTRY", durableObjectNamespace = "Registry")`].join(", ")}],
  durableObjectNamespaces = [
    (className = "Org", uniqueKey = "org", enableSql = true),
    (className = "Registry", uniqueKey = "registry", enableSql = true)],
  durableObjectStorage = (localDisk = "state"));
const kv :Workerd.Worker = (modules = [(name = "kv.js", esModule = embed "kv.js")], compatibilityDate = "${date}");
`;
}

/** Starts workerd with the Worker of the folder `build` over a state in `folder`; gives its `url`, its process `group` and `stop()`. */
export async function startPlain(build, folder, vars) {
  const wasm = existsSync(join(build, "index_bg.wasm"));
  mkdirSync(join(folder, "state"), { recursive: true });
  for (const file of ["index.js", ...(wasm ? ["index_bg.wasm"] : [])]) copyFileSync(join(build, file), join(folder, file));
  writeFileSync(join(folder, "kv.js"), KV);
  writeFileSync(join(folder, "config.capnp"), config(wasm, vars));
  const child = spawn(join(root, "node_modules/.bin/workerd"), ["serve", "config.capnp", "--control-fd=3"], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    kill();
    await ended;
    process.off("exit", kill);
    rmSync(folder, { recursive: true, force: true });
  };
  for await (const line of createInterface({ input: child.stdio[3] })) {
    const { event, port } = JSON.parse(line);
    if (event === "listen") return { url: `http://127.0.0.1:${port}`, group: child.pid, stop };
  }
  await stop();
  throw new Error("workerd did not start");
}
