// Takes out of a wasm file the exports of classes that nothing here makes: what only they call is then dropped as unused.
import { leb, number, sections } from "./order.mjs";

// Classes of the worker crate and of wasm-streams, which come with them whether they are used or not.
const UNUSED = ["intounderlyingbytesource", "intounderlyingsink", "containerstartupoptions", "minifyconfig", "r2range"];
const EXPORTS = 7;

/** The file without these exports; JavaScript reaches for them only when it holds an object of such a class. */
export function withoutUnusedClasses(wasm) {
  const section = sections(wasm).find((section) => section.id === EXPORTS);
  const kept = entries(wasm, section.start).filter(({ name }) => !UNUSED.some((unused) => isOf(name, unused)));
  const content = [...leb(kept.length), ...kept.flatMap(({ bytes }) => [...bytes])];
  const end = entries(wasm, section.start).at(-1).end;
  const head = [EXPORTS, ...leb(content.length), ...content];
  return Buffer.concat([wasm.subarray(0, section.header), Buffer.from(head), wasm.subarray(end)]);
}

/** `sink_write`, `__wbg_sink_free` and `__wbg_get_sink_length` belong to `sink`. */
function isOf(name, lower) {
  return name.replace(/^__wbg_((get|set)_)?/, "").startsWith(`${lower}_`);
}

function entries(wasm, start) {
  let [count, at] = number(wasm, start);
  const all = [];
  for (; count > 0; count--) {
    const from = at;
    const [length, begin] = number(wasm, at);
    [, at] = number(wasm, begin + length + 1);
    all.push({ name: wasm.toString("utf8", begin, begin + length), bytes: wasm.subarray(from, at), end: at });
  }
  return all;
}
