// The names of functions in a wasm module's `name` section (WebAssembly, appendix "Custom Sections"). They are a tenth of what a
// deploy uploads, so they are taken out of it and stand in a file beside it: a stack in the log shows functions by their numbers.

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

/** The lines of a list of functions' names: number, name. */
function namesOf(bytes) {
  let [count, at] = number(bytes, 0);
  const lines = [];
  for (; count > 0; count -= 1) {
    const [index, afterIndex] = number(bytes, at);
    const [length, begin] = number(bytes, afterIndex);
    lines.push(`${index} ${bytes.subarray(begin, begin + length).toString("utf8").replace(HASHES, "")}\n`);
    at = begin + length;
  }
  return lines.join("");
}

/** A module without its names, and the names of its functions, each in a line with its number. */
export function withoutNames(module) {
  const [header, sections] = [module.subarray(0, 8), parts(module, 8)];
  let names = "";
  const kept = sections.filter(([id, contents]) => {
    if (id !== 0) return true;
    const [length, begin] = number(contents, 0);
    if (contents.subarray(begin, begin + length).toString("utf8") !== NAME_SECTION) return true;
    for (const [kind, list] of parts(contents, begin + length)) if (kind === FUNCTION_NAMES) names += namesOf(list);
    return false;
  });
  return { module: Buffer.concat([header, ...kept.map(part)]), names };
}
