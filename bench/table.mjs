// The results as a table for people, and what is compared with what.
import { floorRows, rows } from "./work.mjs";

/** The share of the rows that a peer must answer right to be compared with. */
const WHOLE = 0.75;

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

const isRight = (result) => result?.perSecond > 0 && !result.error;

/** True if a peer answers most rows right: one that loses members is fast at little. */
function isWhole({ rows: own }) {
  const all = Object.values(own);
  return all.filter(isRight).length >= all.length * WHOLE;
}

/** Returns the fastest peer that answers this row right, among those that are whole, if there are any. */
function best(peers, row) {
  const whole = peers.filter(isWhole);
  const right = (whole.length > 0 ? whole : peers).filter((peer) => isRight(peer.rows[row]));
  return right.sort((one, other) => other.rows[row].perSecond - one.rows[row].perSecond)[0];
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
one row, that of a read touches no storage (\`bench/floor/index.js\`). The best peer of a row is the fastest
that answers it right, among the peers that answer three quarters of all rows right; on disk, where there is none, among all. Rows are counted with the test build.

${results.subjects.length > 0 ? `${work(results)}\n\n${floors(results)}` : "Not measured."}

## CPU in plain workerd

CPU microseconds a request of workerd without Miniflare's proxy, storage in memory, one connection; the median of ${results.plain?.turns ?? 0} turns in which all are measured one after the other.

${results.plain ? plain(results) : "Not measured."}

## Wrong answers, and peers without figures

${reasons(results)}
`;
}
