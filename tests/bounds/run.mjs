// `npm run test:long -- bounds`: every request of tests/bounds/table in workerd, each in a fresh isolate over the same state.
// It wants a machine that does nothing else: the longest time that an object computed without a pause is held too.
import { MIB, prepared, send, written } from "../worker/bounds.mjs";

const MEMORY_MAX = 64 * MIB;
const LONGEST_MAX = 1_000;

const table = written();
const rows = table.rows.filter((row) => row.name);
const state = await prepared([...new Set(rows.map((row) => row.place))], table);
const failures = [];
try {
  for (const row of rows) {
    const server = await state.fresh();
    try {
      const { status, memory, longest, milliseconds, answer, detail } = await send(server, state.tokens, row);
      const mib = (memory / MIB).toFixed(1);
      console.log(`${row.name.padEnd(76)} ${status} ${mib.padStart(6)} MiB, longest ${longest} ms of ${milliseconds.toFixed(0)}, ${answer} bytes`);
      if (status !== row.status) failures.push(`${row.name}: ${status} instead of ${row.status}: ${detail}`);
      if (memory > MEMORY_MAX) failures.push(`${row.name}: ${mib} MiB of wasm memory`);
      if (longest > LONGEST_MAX) failures.push(`${row.name}: the object computed ${longest} ms without a pause`);
    } finally {
      await server.stop();
    }
  }
} finally {
  state.remove();
}
for (const failure of failures) console.error(failure);
console.log(`${rows.length} requests, ${failures.length} failures`);
process.exitCode = failures.length > 0 ? 1 : 0;
