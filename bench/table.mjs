// The results as a table for people, and what is compared with what.
import { floorRows, rows } from "./work.mjs";

const figure = (number) => (number >= 100 ? Math.round(number).toString() : number.toPrecision(2).replace(/\.0$/, ""));
const ratio = (one, other) => (one && other ? (one / other).toFixed(2) : "-");
const line = (cells) => `| ${cells.join(" | ")} |`;
const table = (head, body) => [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");

/** Requests a second (p50 / p99 in milliseconds; CPU microseconds a request), `x` for a wrong answer. */
function cell(result) {
  if (result === undefined) return "-";
  if (result.error) return "x";
  if (result.seconds !== undefined) return `${figure(result.perSecond)} (${result.seconds} s)`;
  return `${figure(result.perSecond)} (${figure(result.p50)} / ${figure(result.p99)}; ${result.cpu})`;
}

/** Returns the fastest peer of that storage whose answers in this row are right. */
function best(peers, row) {
  const right = peers.filter((peer) => peer.rows[row]?.perSecond && !peer.rows[row].error);
  return right.sort((a, b) => b.rows[row].perSecond - a.rows[row].perSecond)[0];
}

/** The rows of `results.subjects` as one table. */
function work({ subjects, counts }) {
  const shown = subjects.filter(({ kind }) => kind !== "floor");
  const named = (kind, storage) => subjects.find((one) => one.kind === kind && one.storage === storage);
  const storages = ["memory", "disk"].filter((storage) => named("edge", storage));
  const head = ["work", ...shown.map(({ name }) => name), ...storages.flatMap((storage) => [`to floor, ${storage}`, `to best peer, ${storage}`]), "rows read", "written"];
  const body = [{ name: "first sync" }, ...rows].map((row) => {
    const compared = storages.flatMap((storage) => {
      const own = named("edge", storage).rows[row.name]?.perSecond;
      const beneath = named("floor", storage)?.rows[row.floor]?.perSecond;
      const peer = best(subjects.filter((one) => one.kind === "peer" && one.storage === storage), row.name);
      return [ratio(own, beneath), peer ? `${ratio(own, peer.rows[row.name].perSecond)} (${peer.name})` : "-"];
    });
    const counted = counts?.[row.name];
    return [row.name, ...shown.map((one) => cell(one.rows[row.name])), ...compared, counted?.read ?? "-", counted?.written ?? "-"];
  });
  return table(head, body);
}

function floors({ subjects }) {
  const shown = subjects.filter(({ kind }) => kind === "floor");
  return table(["floor", ...shown.map(({ name }) => name)], floorRows.map(({ name }) => [name, ...shown.map((one) => cell(one.rows[name]))]));
}

function plain({ plain: measured }) {
  const body = measured.rows.map(({ name, cpu, floor }) => [name, cpu, floor ?? "-", floor ? ratio(measured.floors[floor], cpu) : "-"]);
  const beneath = Object.entries(measured.floors).map(([name, cpu]) => `${name} ${cpu}`).join(", ");
  return `Floors: ${beneath}.\n\n${table(["work", "CPU us", "its floor", "floor / scim-edge"], body)}`;
}

/** Returns the wrong answers, and the peers that could not be measured. */
function reasons({ subjects, missing }) {
  const wrong = subjects.flatMap(({ name, rows: own, reason }) => [
    ...(reason ? [`${name}: ${reason}`] : []),
    ...Object.entries(own).filter(([, result]) => result.error).map(([row, { error }]) => `${name}, ${row}: ${error}`),
  ]);
  return [...missing.map(([name, reason]) => `${name}: ${reason}`), ...wrong].map((text) => `- ${text.replaceAll("\n", " ")}`).join("\n");
}

/** The whole page. */
export function page(results) {
  const { machine, size, connections } = results;
  const facts = Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`).join("\n");
  return `# Measured by \`npm run bench\`

Written by the run. Servers one after the other on 127.0.0.1; ratios of one run matter, absolute figures do not.

${facts}
- size: ${size.users} users, ${size.groups} groups, a group of ${size.members} members; ${connections} connections; at most ${size.seconds} s a row

## Work

Requests a second (p50 / p99 in ms; CPU microseconds a request of all the server's processes). \`x\`: a wrong answer, below. scim-edge and the floors
run under Miniflare, with their storage on a file system in memory, as most peers keep all in memory, and on disk. The floor of a write inserts
one row, that of a read touches no storage (\`bench/floor/index.js\`). A peer counts in a row where its answers are right. Rows are counted with the test build.

${results.subjects.length > 0 ? `${work(results)}\n\n${floors(results)}` : "Not measured."}

## CPU in plain workerd

CPU microseconds a request of workerd without Miniflare's proxy, storage in memory, one connection; the median of ${results.plain?.turns ?? 0} turns in which all are measured one after the other.

${results.plain ? plain(results) : "Not measured."}

## Wrong answers, and peers without figures

${reasons(results)}
`;
}
