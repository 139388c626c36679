// The names of functions in a wasm module's `name` section (WebAssembly, appendix "Custom Sections"), which a panic's stack in
// the log shows. With the type arguments of generic functions, thousands of characters, and the compiler's hashes they would
// be a fifth of the upload; no tool only shortens them.

const NAME_SECTION = "name";
const FUNCTION_NAMES = 1;
/** The marks that tell builds of a crate or copies of a generic function apart: `core[e6b851d7996f495b]::`, `::h50e9a147a7670318`. */
const HASHES = /\[[0-9a-f]{8,16}\]|::h[0-9a-f]{16}/g;

/** Reads an unsigned LEB128 number; gives it and where the next byte is. */
function number(bytes, at) {
  for (let value = 0, shift = 1; ; shift *= 128) {
    const byte = bytes[at++];
    value += (byte & 127) * shift;
    if (byte < 128) return [value, at];
  }
}

function encoded(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Buffer.from([...bytes, value]);
}

/** The parts of a module or section, each with its id: `[id, contents]`. */
function parts(bytes, at) {
  const found = [];
  while (at < bytes.length) {
    const id = bytes[at];
    const [length, begin] = number(bytes, at + 1);
    found.push([id, bytes.subarray(begin, begin + length)]);
    at = begin + length;
  }
  return found;
}

const part = ([id, contents]) => Buffer.concat([Buffer.from([id]), encoded(contents.length), contents]);

function cutFunctionNames(bytes, most) {
  let [count, at] = number(bytes, 0);
  const out = [encoded(count)];
  for (; count > 0; count -= 1) {
    const [index, afterIndex] = number(bytes, at);
    const [length, begin] = number(bytes, afterIndex);
    const plain = bytes.subarray(begin, begin + length).toString("utf8").replace(HASHES, "");
    // Whole characters only.
    const name = Buffer.from([...plain].slice(0, most).join(""));
    out.push(encoded(index), encoded(name.length), name);
    at = begin + length;
  }
  return Buffer.concat(out);
}

/** A module whose functions' names have no hashes and at most so many characters; all else is as it was. */
export function withShortNames(module, most) {
  const [header, sections] = [module.subarray(0, 8), parts(module, 8)];
  const changed = sections.map(([id, contents]) => {
    if (id !== 0) return [id, contents];
    const [length, begin] = number(contents, 0);
    if (contents.subarray(begin, begin + length).toString("utf8") !== NAME_SECTION) return [id, contents];
    const kept = parts(contents, begin + length).map(([kind, names]) => [kind, kind === FUNCTION_NAMES ? cutFunctionNames(names, most) : names]);
    return [id, Buffer.concat([contents.subarray(0, begin + length), ...kept.map(part)])];
  });
  return Buffer.concat([header, ...changed.map(part)]);
}
