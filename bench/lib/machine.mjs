// Facts of this machine and of the processes that are measured.
import { readFileSync, readdirSync } from "node:fs";
import { arch, cpus, platform, release, totalmem } from "node:os";
import { capture, root } from "../../scripts/lib/run.mjs";

const NONE = [];
const listed = (path) => {
  try {
    return readdirSync(path);
  } catch {
    // It ended meanwhile.
    return NONE;
  }
};
const read = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

/** Returns the CPU time that a process group has used, in microseconds. Linux only: elsewhere 0. */
export function cpuOfGroup(group) {
  let nanoseconds = 0;
  for (const pid of listed("/proc").filter((name) => /^\d+$/.test(name))) {
    // After the name in parentheses: state, parent, group, ..., and from the twelfth on user and system time, 100 ticks a second.
    const fields = read(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
    if (Number(fields[2]) !== group) continue;
    const threads = listed(`/proc/${pid}/task`).map((thread) => Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(" ")[0]));
    // The threads' own clocks are exact; the ticks hold those that have ended too.
    nanoseconds += Math.max((Number(fields[11]) + Number(fields[12])) * 1e7, threads.reduce((sum, own) => sum + own, 0));
  }
  return nanoseconds / 1000;
}

/** Returns what a reader must know of the machine, one fact a line. */
export function machine() {
  const version = (path) => JSON.parse(readFileSync(`${root}/node_modules/${path}/package.json`, "utf8")).version;
  const commit = capture("git", ["rev-parse", "--short", "HEAD"]) ?? "unknown";
  const changed = capture("git", ["status", "--porcelain", "--", "src", "bench", "scripts"]) ? ", with changes" : "";
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC",
    commit: commit + changed,
    machine: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${release()} ${arch()}`,
    load: platform() === "linux" ? readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ") : "unknown",
    versions: `node ${process.versions.node}, miniflare ${version("miniflare")}, workerd ${version("workerd")}`,
  };
}
