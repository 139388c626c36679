// The port, and the end, of what serves on this machine until it is told to stop.
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "./run.mjs";

export const HOST = "127.0.0.1";
const READY_MS = 60_000;

/** Returns the port that PORT names, which must be free. Asked before the build, which may take minutes. */
export async function freePort(command) {
  const port = Number(process.env.PORT || 8787);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Failure(`PORT is not a port: ${process.env.PORT}`);
  await new Promise((done, fail) => {
    const probe = createServer();
    probe.once("error", (error) => {
      const taken = `Port ${port} of ${HOST} is taken: stop what listens there, or choose another with PORT=8788 ${command}`;
      fail(new Failure(error.code === "EADDRINUSE" ? taken : `Port ${port} cannot be opened: ${error.message}`));
    });
    probe.listen(port, HOST, () => probe.close(done));
  });
  return port;
}

/** Waits until the Worker answers. */
export async function ready(origin) {
  for (const until = Date.now() + READY_MS; Date.now() < until; await sleep(100)) {
    const answer = await fetch(`${origin}/healthz`).catch(() => null);
    if (answer?.status === 200) return;
  }
  const failure = new Failure(`${origin}/healthz did not answer 200 within ${READY_MS / 1000} s`);
  failure.logged = true;
  throw failure;
}

/** Calls `stop` when this process is told to end, or when npm was killed and could pass no signal on. */
export function onEnd(stop) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event) setInterval(() => process.ppid !== parent && stop(), 1000).unref();
}
