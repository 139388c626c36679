// The public conformance suite against the test build in workerd: `node run.mjs PYTHON`, with an interpreter that has
// what requirements.txt lists.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { organisation } from "../worker/client.mjs";
import { start } from "../worker/harness.mjs";

const server = await start();
try {
  // The other dialects mend what a suite expects to be refused.
  const org = await organisation(server, "conformance", { name: "conformance", kind: "scim", dialect: "rfc" });
  const env = { ...process.env, SCIM_BASE: org.base, SCIM_TOKEN: org.token, PYTHONDONTWRITEBYTECODE: "1" };
  const runner = fileURLToPath(new URL("run.py", import.meta.url));
  const suite = spawn(process.argv[2], [runner], { env, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(suite, "exit");
  process.exitCode = code ?? 1;
} finally {
  await server.stop();
}
