// Packages of a Debian, installed where a check needs them.
import { Failure, capture, run, step } from "./run.mjs";

/** Installs `packages` with apt; where there is no apt, the failure says what is `needed`. `why` goes before their names. */
export async function aptInstall(packages, why, needed) {
  if (capture("apt-get", ["--version"]) === null) throw new Failure(needed);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await step(`${why}; installing ${packages.join(", ")} with apt`, "30 s", async () => {
    await asRoot("apt-get", ["update"], { quiet: true, env });
    await asRoot("apt-get", ["install", "--yes", "--no-install-recommends", ...packages], { quiet: true, env });
  });
}

export function asRoot(command, args, options = {}) {
  return process.getuid() === 0 ? run(command, args, options) : run("sudo", ["-E", command, ...args], options);
}
