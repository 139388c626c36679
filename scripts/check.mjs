// `npm run check`: form and lints, without running anything.
import { main } from "./lib/run.mjs";
import { clippyNative, clippyWasm, dependencies, format } from "./lib/steps.mjs";

await main(async () => {
  await format();
  await clippyNative();
  await clippyWasm();
  await dependencies();
});
