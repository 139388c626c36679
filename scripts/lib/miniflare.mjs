// A process with one Miniflare, which runs the built Worker in workerd without wrangler's proxy: real KV and SQLite objects
// in a folder. Messages of the parent drive it (scripts/lib/workerd.mjs); it ends with the parent.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { root } from "./run.mjs";
import { setting } from "./wrangler.mjs";

const NAME = "scim-edge";

/** The Worker that wrangler.toml describes, in Miniflare's words. `vars` without a value are not there. */
function options({ build, persist, port = 0, vars, limits, kv = true }) {
  const set = Object.entries(vars).filter(([, value]) => value !== undefined && value !== null);
  const env = Object.fromEntries(set.map(([name, value]) => [name, { type: "text", value }]));
  if (kv) env.TOKENS = { type: "kv", id: "TOKENS" };
  for (const [name, limit] of Object.entries(limits)) {
    env[name] = { type: "rate-limit", namespace: name, simple: { limit, period: 60 } };
  }
  const exports = {};
  for (const [binding, exportName] of [["ORG", "Org"], ["REGISTRY", "Registry"]]) {
    env[binding] = { type: "durable-object", worker: NAME, exportName };
    exports[exportName] = { type: "durable-object", storage: "sqlite" };
  }
  const modules = { "index.js": { type: "esm", contents: readFileSync(join(build, "index.js"), "utf8") } };
  const wasm = join(build, "index_bg.wasm");
  if (existsSync(wasm)) modules["index_bg.wasm"] = { type: "wasm", contents: readFileSync(wasm) };
  const manifest = { mainModule: "index.js", modulesRoot: build, modules };
  const config = { name: NAME, compatibilityDate: setting("compatibility_date"), manifest, env, exports };
  return {
    host: "127.0.0.1",
    port,
    logRequests: false,
    enableDevRegistry: false,
    telemetry: { enabled: false },
    resourcePersistencePath: persist,
    workers: [{ config, dev: { rootPath: root } }],
  };
}

let miniflare;

const calls = {
  async start(wanted) {
    mkdirSync(wanted.persist, { recursive: true });
    miniflare = new Miniflare(options(wanted));
    return (await miniflare.ready).origin;
  },
  get: async ({ key }) => (await tokens()).get(key),
  put: async ({ key, value }) => void (await (await tokens()).put(key, value)),
  delete: async ({ key }) => void (await (await tokens()).delete(key)),
  evict: ({ org }) => miniflare.unsafeEvictDurableObject(NAME, "Org", { name: org }),
};

function tokens() {
  return miniflare.getKVNamespace("TOKENS");
}

async function stop() {
  await miniflare?.dispose();
  process.exit(0);
}

process.on("message", async ({ id, call, ...args }) => {
  if (call === "stop") return stop();
  try {
    process.send({ id, value: (await calls[call](args)) ?? null });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});
// The parent is gone, and with it every caller.
process.on("disconnect", stop);
