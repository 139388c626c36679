// `npm run test:openapi [-- N]`: the schemathesis step of `npm test` with N requests of each kind, 500 if it is not said.
import { ensurePackages } from "./lib/packages.mjs";
import { Failure, main } from "./lib/run.mjs";
import { build, openapi } from "./lib/steps.mjs";

const EXAMPLES = 500;

await main(async () => {
  const examples = Number(process.argv[2] ?? EXAMPLES);
  if (!(examples > 0)) throw new Failure("use: npm run test:openapi [-- N]");
  await ensurePackages();
  await build("--test-hooks");
  await openapi(examples);
});
