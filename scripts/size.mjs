// `npm run size`: builds, bundles as for a deploy, and fails when the upload is too large.
import { ensurePackages } from "./lib/packages.mjs";
import { main } from "./lib/run.mjs";
import { build, size } from "./lib/steps.mjs";

await main(async () => {
  await ensurePackages();
  await build();
  await size();
});
