// Starting other programs: streamed, logged or captured, timed, never through a shell.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The top of the project. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** A failure whose message is all that the user needs: printed without a stack. */
export class Failure extends Error {}

/** One line of progress. */
export function say(text) {
  console.log(`[scim-edge] ${text}`);
}

/** One line that must not be overlooked: in red. */
export function warn(text) {
  console.error(`\x1b[31m[scim-edge] ${text}\x1b[0m`);
}

const HEARTBEAT_MS = 20_000;
/** How many lines of the log are shown when a quiet program failed. */
const TAIL_LINES = 60;

/** Where the output of quiet programs goes. A script begins it anew; the scripts that it starts append to it. */
export const logFile = join(root, ".dev/setup.log");

/** Appends to the log. */
export function log(text) {
  mkdirSync(dirname(logFile), { recursive: true });
  writeFileSync(logFile, text, { flag: process.env.SCIM_EDGE_LOG_OPEN ? "a" : "w" });
  process.env.SCIM_EDGE_LOG_OPEN = "1";
}

let stepping = false;

/**
 * Runs `body` as one line of progress: what it does with the time it is expected to take, then the time it took.
 * Everything that `body` runs must be quiet.
 */
export async function step(text, expected, body) {
  const started = Date.now();
  stepping = true;
  process.stdout.write(`[scim-edge] ${text} (${expected}) ... `);
  try {
    const result = await body();
    console.log(`${Math.round((Date.now() - started) / 1000)} s`);
    return result;
  } catch (error) {
    console.log("failed");
    throw error;
  } finally {
    stepping = false;
  }
}

/**
 * Runs a program to its end, its output going straight to the terminal.
 * With `collect`, what it writes is also returned; with `quiet`, it goes to the log, and {@link report} shows its end when
 * the failure is not caught.
 */
export function run(command, args, { env, cwd = root, collect = false, quiet = false, timeoutMs = 0 } = {}) {
  return new Promise((done, fail) => {
    const piped = collect || quiet;
    const stdio = piped ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"];
    const line = `${command} ${args.join(" ")}`;
    if (quiet) log(`$ ${line}\n`);
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio });
    let output = "";
    let last = Date.now();
    const take = (sink) => (chunk) => {
      output += chunk;
      last = Date.now();
      if (quiet) log(chunk);
      else sink.write(chunk);
    };
    child.stdout?.setEncoding("utf8").on("data", take(process.stdout));
    child.stderr?.setEncoding("utf8").on("data", take(process.stderr));
    const started = Date.now();
    const heart = setInterval(() => {
      if (piped && !stepping && Date.now() - last >= HEARTBEAT_MS) say(`... ${Math.round((Date.now() - started) / 1000)} s`);
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
      const failure = new Failure(`${line} ended with ${signal ?? `status ${code}`}`);
      failure.output = output;
      failure.logged = quiet;
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

/** Shows what the last program wrote into the log, or the end of it, and where the rest is. */
export function showLog() {
  const lines = readFileSync(logFile, "utf8").trimEnd().split("\n");
  const begin = lines.findLastIndex((line) => line.startsWith("$ "));
  console.error(lines.slice(Math.max(begin, lines.length - TAIL_LINES, 0)).join("\n"));
  console.error(`[scim-edge] These are the last lines of ${relative(root, logFile)}`);
}

/** Shows why something failed; of a quiet program also the end of what it wrote. */
export function report(error, before = "") {
  if (!(error instanceof Failure)) return console.error(error);
  if (error.logged) showLog();
  console.error(`[scim-edge] ${before}${error.message}`);
}

/** Runs a script's body; a `Failure` becomes one sentence and status 1. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    report(error);
    process.exitCode = 1;
  }
}
