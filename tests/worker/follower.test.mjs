// Followers of an organisation, with the example's client: whatever happens to connections, objects and the process, their
// copies are the directory in the end, and each change came once and in order. MUTATIONS in the environment sets how many
// requests are made.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "../../examples/console-client/client.ts";
import { Follower } from "../../examples/console-client/follow.ts";
import { consoleCall, group, organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

const MUTATIONS = Number(process.env.MUTATIONS ?? 400);
const ORG = "acme";
const persist = mkdtempSync(join(tmpdir(), "scim-edge-follower-"));
let server;
let token;
before(async () => {
  server = await start({ persist });
  ({ token } = await organisation(server, ORG));
});
after(async () => {
  await server.stop();
  rmSync(persist, { recursive: true, force: true });
});

let state = 20_261_126;
/** A whole number below n; the same ones in every run. */
function below(n) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}
const of = (all) => all[below(all.length)];

const scim = (method, path, body) => scimCall(`${server.url}/${ORG}/scim/v2`, token, method, path, body);
const lastSeq = async () => (await consoleCall(server, "GET", `/v1/orgs/${ORG}`)).body.lastSeq;

const users = new Set();
const groups = new Set();

/** A request that changes something, or nothing, or is refused. */
function mutation() {
  const one = () => of([...users, "none"]);
  const crew = Array.from({ length: below(4) }, one);
  const name = `u${below(40)}`;
  const title = of(["a", "b", "c"]);
  const replace = (path, value) => patch({ op: "replace", path, value });
  const members = (op) => patch({ op, path: "members", value: crew.map((value) => ({ value })) });
  const [someone, some] = [one(), of([...groups, "none"])];
  return of([
    () => ["POST", "/Users", user(name)],
    () => ["POST", "/Users", user(name, { title })],
    () => ["PUT", `/Users/${someone}`, user(name, { title })],
    () => ["PATCH", `/Users/${someone}`, replace("title", title)],
    () => ["PATCH", `/Users/${someone}`, replace("title", title)],
    () => ["PATCH", `/Users/${someone}`, replace("active", title === "a")],
    () => ["DELETE", `/Users/${someone}`],
    () => ["POST", "/Groups", group(`g${below(8)}`, crew.filter((id) => id !== "none"))],
    () => ["PUT", `/Groups/${some}`, group(`g${below(8)}`, crew.filter((id) => id !== "none"))],
    () => ["PATCH", `/Groups/${some}`, members("add")],
    () => ["PATCH", `/Groups/${some}`, members("add")],
    () => ["PATCH", `/Groups/${some}`, members("remove")],
    () => (below(3) === 0 ? ["DELETE", `/Groups/${some}`] : ["PATCH", `/Groups/${some}`, members("replace")]),
    () => [
      "POST",
      "/Bulk",
      {
        Operations: [
          { method: "PATCH", path: `/Users/${someone}`, data: replace("nickName", title) },
          { method: "POST", path: "/Users", bulkId: "n", data: user(name) },
          { method: "PATCH", path: `/Groups/${some}`, data: patch({ op: "add", path: "members", value: [{ value: "bulkId:n" }] }) },
        ],
      },
    ],
  ])();
}

/** Keeps up with who is there. */
function noted([method, path], { status, body }) {
  const id = path.split("/")[2];
  if (method === "DELETE" && status === 204) for (const all of [users, groups]) all.delete(id);
  if (method === "POST" && status === 201) (path === "/Users" ? users : groups).add(body.id);
  for (const { location, status: made } of body?.Operations ?? []) {
    if (made === "201") users.add(location.split("/").at(-1));
  }
}

/** `fetch` to wherever the service runs now; some answers break off in the middle. */
function flaky(cuts) {
  return async (url, init) => {
    const response = await fetch(url.replace("http://moving", server.url), init);
    if (!response.body || below(8) > 0) return response;
    let left = below(3000);
    const cut = new TransformStream({
      transform(bytes, controller) {
        left -= bytes.length;
        if (left >= 0) return controller.enqueue(bytes);
        cuts.count += 1;
        controller.enqueue(bytes.slice(0, bytes.length / 2));
        controller.error(new Error("cut"));
      },
    });
    return new Response(response.body.pipeThrough(cut), response);
  };
}

test("followers have the directory, and each change once", async () => {
  const cuts = { count: 0 };
  const client = new Client({ base: "http://moving", org: ORG, token: server.consoleKey, fetch: flaky(cuts) });
  const seen = [];
  const jumps = [];
  const steady = new Follower(client, { onChange: ({ seq }) => seen.push(seq) });
  // This one takes snapshots all the time, while others write.
  const jumping = new Follower(client, { onSnapshot: ({ seq }) => jumps.push(seq) });
  let stop;
  let running;
  const go = () => {
    stop = new AbortController();
    running = [steady, jumping].map((follower) => follower.run(stop.signal));
  };
  const pause = async () => {
    stop.abort();
    await Promise.all(running);
  };
  go();
  let seq = 0;
  let [effective, idle, evictions, kills] = [0, 0, 0, 0];
  for (let made = 0; made < MUTATIONS; made += 1) {
    const request = mutation();
    if (made % Math.ceil(MUTATIONS / 6) === 40) {
      // The process dies somewhere in this request; whether it was done is not known, so it is read back.
      const lost = scim(...request).catch(() => null);
      await sleep(below(8));
      await server.kill();
      const answer = await lost;
      server = await start({ persist });
      if (answer) noted(request, answer);
      for (const [name, all] of [["users", users], ["groups", groups]]) {
        const { body } = await consoleCall(server, "GET", `/v1/orgs/${ORG}/${name}?limit=1000`);
        for (const { id } of body[name]) all.add(id);
      }
      kills += 1;
      seq = await lastSeq();
      continue;
    }
    const answer = await scim(...request);
    assert.notEqual(answer.status, 500, JSON.stringify([request, answer.body]));
    noted(request, answer);
    const now = await lastSeq();
    if (now > seq) effective += 1;
    else idle += 1;
    seq = now;
    if (below(4) === 0 && request[0] !== "POST") {
      // The same again: there is nothing left to do.
      await scim(...request);
      assert.equal(await lastSeq(), seq, JSON.stringify(request));
      idle += 1;
    }
    if (below(60) === 0) jumping.copy.whole = false;
    if (below(80) === 0) {
      // An object is evicted once no request waits in it, and a change ends every wait.
      await pause();
      noted(["POST", "/Users"], await scim("POST", "/Users", user(`evicted${evictions}`)));
      await server.evict(ORG);
      evictions += 1;
      seq = await lastSeq();
      go();
    }
  }
  seq = await lastSeq();
  for (let waited = 0; waited < 1200 && !(steady.copy.seq === seq && jumping.copy.seq === seq); waited += 1) await sleep(50);
  assert.deepEqual([steady.copy.seq, jumping.copy.seq], [seq, seq], "they arrive");
  for (const follower of [steady, jumping]) {
    assert.deepEqual(await follower.verify("pages"), []);
    assert.deepEqual(await follower.verify("snapshot"), []);
  }
  await pause();
  // No gap and no repeat, from the first snapshot on.
  assert.deepEqual(seen, Array.from({ length: seen.length }, (_, n) => seq - seen.length + n + 1));
  assert.ok(seen.length > seq - 50, "it followed from the beginning");
  assert.ok(effective * 4 > MUTATIONS && idle * 8 > MUTATIONS && cuts.count > 0 && jumps.length > 2 && kills > 4);
  console.log(
    `${effective} requests changed something, ${idle} did not; ${seq} changes, ${seen.length} followed, ${cuts.count} answers ` +
      `cut, ${jumps.length} snapshots, ${evictions} evictions, ${kills} kills; 0 differences`,
  );
});

test("the example's command prints changes as they come", async () => {
  const main = fileURLToPath(new URL("../../examples/console-client/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, server.url, ORG, server.consoleKey], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (printed += text));
    const until = async (what) => {
      for (let waited = 0; waited < 200 && !what.test(printed); waited += 1) await sleep(50);
      assert.match(printed, what);
    };
    await until(/^snapshot at \d+: /);
    const { body } = await scim("POST", "/Users", user("somebody"));
    await until(new RegExp(`created User ${body.id} somebody`));
  } finally {
    child.kill("SIGTERM");
  }
});
