// A plot as SVG: the CPU time of each operation at each size as a multiple of that at the first, both axes logarithmic.
const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [760, 420, 60, 30, 200, 50];
const COLOURS = ["#1b6ca8", "#c0392b", "#1e8449", "#7d3c98", "#b7950b", "#117a65", "#a04000", "#2e4053", "#d35498", "#5d6d7e", "#808000"];
const TICKS = [0.5, 1, 2, 5, 10, 20];

const text = (x, y, words, more = "") => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${words}</text>`;

/** Draws `results`, a list of `{ users, operations: { NAME: { cpu } } }` with growing `users`. */
export function plot(results) {
  const [low, high] = [Math.log10(results[0].users), Math.log10(Math.max(results.at(-1).users, results[0].users * 10))];
  const x = (users) => LEFT + ((Math.log10(users) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const [least, most] = [Math.log(TICKS[0]), Math.log(TICKS.at(-1))];
  const y = (ratio) => HEIGHT - BOTTOM - ((Math.log(Math.min(Math.max(ratio, TICKS[0]), TICKS.at(-1))) - least) / (most - least)) * (HEIGHT - TOP - BOTTOM);
  const grid = TICKS.map((tick) => `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}" stroke="#ddd"/>${text(LEFT - 8, y(tick) + 4, `${tick}x`, 'text-anchor="end"')}`);
  const sizes = results.map(({ users }) => text(x(users), HEIGHT - BOTTOM + 20, users.toLocaleString("en"), 'text-anchor="middle"'));
  const names = Object.keys(results[0].operations);
  const lines = names.map((name, at) => {
    const points = results.map(({ users, operations }) => `${x(users).toFixed(1)},${y(operations[name].cpu / results[0].operations[name].cpu).toFixed(1)}`);
    const label = text(WIDTH - RIGHT + 28, TOP + 14 + at * 20, name);
    const key = `<line x1="${WIDTH - RIGHT + 8}" x2="${WIDTH - RIGHT + 22}" y1="${TOP + 10 + at * 20}" y2="${TOP + 10 + at * 20}" stroke="${COLOURS[at % COLOURS.length]}" stroke-width="3"/>`;
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${COLOURS[at % COLOURS.length]}" stroke-width="2"/>${key}${label}`;
  });
  const title = text(LEFT, 18, "CPU time a request, as a multiple of that at the smallest size", 'font-weight="bold"');
  const axis = text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "users", 'text-anchor="middle"');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>${[title, ...grid, ...sizes, axis, ...lines].join("")}</svg>\n`;
}
