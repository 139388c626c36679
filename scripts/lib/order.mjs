// An order of a wasm file's functions in which each stands behind those it shares most with. gzip looks back 32 KiB, a
// thirtieth of the file: what is alike but further apart is paid for twice.

// Lengths in bytes and counts that gave the smallest upload; 3 bytes is the shortest that gzip refers back to.
const PIECE = 6;
const COMMON = 60;
const BEHIND = 3;

/** The file with a name section in which wasm-opt's --reorder-functions-by-name finds that order. */
export function nameByLikeness(wasm) {
  const found = Object.fromEntries(sections(wasm).map((section) => [section.id, section]));
  const imported = importedFunctions(wasm, found[2].start);
  const rank = [];
  likeness(bodies(wasm, found[10].start)).forEach((index, place) => (rank[index] = place));
  // Four digits in base 36, so that the order of the texts is that of the numbers.
  const names = rank.map((place, index) => [...leb(imported + index), ...text(place.toString(36).padStart(4, "0"))]);
  const map = [...leb(names.length), ...names.flat()];
  const content = [...text("name"), 1, ...leb(map.length), ...map];
  return Buffer.concat([wasm, Buffer.from([0, ...leb(content.length), ...content])]);
}

/** Greedily: next comes who shares the largest part of its pieces with the last few. */
function likeness(all) {
  const pieces = all.map(piecesOf);
  const holders = new Map();
  pieces.forEach((own, index) => {
    for (const piece of own) {
      const others = holders.get(piece);
      if (others) others.push(index);
      else holders.set(piece, [index]);
    }
  });
  const largest = pieces.map((_, index) => index).sort((a, b) => pieces[b].size - pieces[a].size || a - b);
  const order = [];
  const placed = new Set();
  for (const first of largest) {
    for (let next = first; next !== undefined && !placed.has(next); next = closest(order, placed, pieces, holders)) {
      placed.add(next);
      order.push(next);
    }
  }
  return order;
}

function closest(order, placed, pieces, holders) {
  const shared = new Map();
  const seen = new Set();
  for (const index of order.slice(-BEHIND).reverse()) {
    for (const piece of pieces[index]) {
      const others = holders.get(piece);
      if (others.length > COMMON || seen.has(piece)) continue;
      seen.add(piece);
      for (const other of others) if (!placed.has(other)) shared.set(other, (shared.get(other) ?? 0) + 1);
    }
  }
  const size = pieces[order.at(-1)].size;
  let best;
  let most = 0;
  for (const [other, count] of shared) {
    const part = count / (pieces[other].size + size - count);
    if (part > most) [best, most] = [other, part];
  }
  return best;
}

function piecesOf(body) {
  const own = new Set();
  for (let at = 0; at + PIECE <= body.length; at++) own.add(body.readUIntBE(at, PIECE));
  return own;
}

// What follows reads and writes the binary format: https://webassembly.github.io/spec/core/binary/

/** Unsigned LEB128. */
export function leb(number) {
  return number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...leb(number >>> 7)];
}

function text(value) {
  return [...leb(value.length), ...Buffer.from(value)];
}

/** The number that stands there, and where it ends. */
export function number(wasm, at) {
  let [value, shift] = [0, 0];
  for (;;) {
    const byte = wasm[at++];
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte < 0x80) return [value, at];
  }
}

/** Each section's id, where it begins, and where its content does. */
export function sections(wasm) {
  const found = [];
  for (let at = 8; at < wasm.length; ) {
    const [length, start] = number(wasm, at + 1);
    found.push({ id: wasm[at], header: at, start });
    at = start + length;
  }
  return found;
}

function bodies(wasm, start) {
  let [count, at] = number(wasm, start);
  const all = [];
  for (; count > 0; count--) {
    const [length, from] = number(wasm, at);
    at = from + length;
    all.push(wasm.subarray(from, at));
  }
  return all;
}

function importedFunctions(wasm, start) {
  let [count, at] = number(wasm, start);
  let functions = 0;
  const skip = () => ([, at] = number(wasm, at));
  const limits = () => {
    const bounded = wasm[at] & 1;
    at += 1;
    skip();
    if (bounded) skip();
  };
  for (; count > 0; count--) {
    for (let name = 0; name < 2; name++) {
      const [length, from] = number(wasm, at);
      at = from + length;
    }
    const kind = wasm[at++];
    if (kind === 0) functions += 1;
    if (kind === 0) skip();
    else if (kind === 1) at += 1;
    if (kind === 1 || kind === 2) limits();
    else if (kind === 3 || kind === 4) at += 2;
  }
  return functions;
}
