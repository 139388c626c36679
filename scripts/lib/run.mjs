// Starting other programs: streamed, captured, timed, never through a shell.
import { spawn, spawnSync } from "node:child_process";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The top of the project. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** A failure whose message is all that the user needs: printed without a stack. */
export class Failure extends Error {}

/** One line of progress. */
export function say(text) {
  console.log(`[scim-edge] ${text}`);
}

/** One line that nobody should overlook: in red. */
export function warn(text) {
  console.error(`\x1b[31m[scim-edge] ${text}\x1b[0m`);
}

const HEARTBEAT_MS = 20_000;

/**
 * Runs a program to its end, its output going straight to the terminal.
 * With `collect`, what it writes is also returned; with `quiet`, it is only shown when the program fails.
 */
export function run(command, args, { env, cwd = root, collect = false, quiet = false, timeoutMs = 0 } = {}) {
  return new Promise((done, fail) => {
    const piped = collect || quiet;
    const stdio = piped ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"];
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio });
    let output = "";
    let last = Date.now();
    const take = (sink) => (chunk) => {
      output += chunk;
      last = Date.now();
      if (!quiet) sink.write(chunk);
    };
    child.stdout?.setEncoding("utf8").on("data", take(process.stdout));
    child.stderr?.setEncoding("utf8").on("data", take(process.stderr));
    const started = Date.now();
    const heart = setInterval(() => {
      if (piped && Date.now() - last >= HEARTBEAT_MS) say(`... ${Math.round((Date.now() - started) / 1000)} s`);
    }, HEARTBEAT_MS);
    const alarm = timeoutMs && setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    const settle = () => {
      clearInterval(heart);
      clearTimeout(alarm);
    };
    child.on("error", (error) => {
      settle();
      fail(new Failure(`${command} cannot be started: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      settle();
      if (code === 0) return done(output);
      if (quiet) process.stderr.write(output);
      const failure = new Failure(`${command} ${args.join(" ")} ended with ${signal ?? `status ${code}`}`);
      failure.output = output;
      fail(failure);
    });
  });
}

/** Runs a short program and returns what it printed, or `null` if it is missing or fails. */
export function capture(command, args, { env, timeoutMs = 15_000 } = {}) {
  const options = { cwd: root, env: { ...process.env, ...env }, encoding: "utf8", timeout: timeoutMs };
  const result = spawnSync(command, args, { ...options, stdio: ["ignore", "pipe", "ignore"] });
  return result.status === 0 ? result.stdout.trim() : null;
}

/** Runs a script's body; a `Failure` becomes one sentence and status 1. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    console.error(error instanceof Failure ? `[scim-edge] ${error.message}` : error);
    process.exitCode = 1;
  }
}
