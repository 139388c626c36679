// The process behind harness.mjs: one Miniflare, driven by messages. Not a test.
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";

const root = fileURLToPath(new URL("../..", import.meta.url));
const build = resolve(root, process.env.SCIM_EDGE_BUILD ?? "build-test");
const NAME = "scim-edge";

/** What wrangler.toml sets; a variable that it leaves out is not there. */
function setting(name) {
  return readFileSync(join(root, "wrangler.toml"), "utf8").match(new RegExp(`^${name} = "(.*)"$`, "m"))?.[1];
}

/** The Worker that wrangler.toml describes, in Miniflare's words. */
function options(persist, vars, limits, kv) {
  // Tests of other things send more than the object's time is for: only the tests of that set OBJECT_SECONDS.
  const names = ["WORKER_NAME", "PUBLIC_ORIGIN", "ORG_HOST_SUFFIX", "CONSOLE_ORIGINS", "JURISDICTIONS"];
  const texts = { OBJECT_SECONDS: "", ...Object.fromEntries(names.map((name) => [name, setting(name)])), ...vars };
  const env = Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined).map(([name, value]) => [name, { type: "text", value }]));
  if (kv) env.TOKENS = { type: "kv", id: "TOKENS" };
  for (const [name, limit] of Object.entries(limits)) {
    env[name] = { type: "rate-limit", namespace: name, simple: { limit, period: 60 } };
  }
  const exports = {};
  for (const [binding, exportName] of [["ORG", "Org"], ["REGISTRY", "Registry"]]) {
    env[binding] = { type: "durable-object", worker: NAME, exportName };
    exports[exportName] = { type: "durable-object", storage: "sqlite" };
  }
  const modules = {
    "index.js": { type: "esm", contents: readFileSync(join(build, "index.js"), "utf8") },
    "index_bg.wasm": { type: "wasm", contents: readFileSync(join(build, "index_bg.wasm")) },
  };
  const manifest = { mainModule: "index.js", modulesRoot: build, modules };
  const config = { name: NAME, compatibilityDate: setting("compatibility_date"), manifest, env, exports };
  return {
    host: "127.0.0.1",
    port: 0,
    logRequests: false,
    enableDevRegistry: false,
    telemetry: { enabled: false },
    resourcePersistencePath: persist,
    workers: [{ config, dev: { rootPath: root } }],
  };
}

let miniflare;

const calls = {
  async start({ persist, vars, limits, kv }) {
    mkdirSync(persist, { recursive: true });
    miniflare = new Miniflare(options(persist, vars, limits, kv));
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
// The test process is gone, and with it anyone who could ask for more.
process.on("disconnect", stop);
