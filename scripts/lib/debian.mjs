// Packages of a Debian, installed where a check needs them.
import { Failure, capture, run, say } from "./run.mjs";

/** Installs `packages` with apt; where there is no apt, the failure says what is `needed`. `why` goes before their names. */
export async function aptInstall(packages, why, needed) {
  if (capture("apt-get", ["--version"]) === null) throw new Failure(needed);
  say(`${why}; installing ${packages.join(", ")} with apt (about half a minute)`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await asRoot("apt-get", ["update"], { quiet: true, env });
  await asRoot("apt-get", ["install", "--yes", "--no-install-recommends", ...packages], { quiet: true, env });
}

export function asRoot(command, args, options = {}) {
  return process.getuid() === 0 ? run(command, args, options) : run("sudo", ["-E", command, ...args], options);
}
