// Lists and searches in workerd: scans with other requests between their steps, rows read, pages at their limits.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { group, organisation, patch, scimCall, user } from "./client.mjs";
import { start } from "./harness.mjs";

const BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const PEOPLE = 5000;
let server;
let acme;
before(async () => {
  server = await start();
  acme = await organisation(server, "acme");
});
after(() => server.stop());

/** Creates users in Bulk requests of 1,000; gives their ids in order. */
async function people(org, count, make) {
  const ids = [];
  for (let from = 0; from < count; from += 1000) {
    const Operations = Array.from({ length: Math.min(1000, count - from) }, (_, n) => (
      { method: "POST", path: "/Users", bulkId: `b${n}`, data: make(from + n) }
    ));
    const { status, body } = await org.scim("POST", "/Bulk", { schemas: [BULK], Operations });
    assert.equal(status, 200, JSON.stringify(body).slice(0, 500));
    for (const done of body.Operations) {
      assert.equal(done.status, "201", JSON.stringify(done));
      ids.push(done.location.split("/").at(-1));
    }
  }
  return ids;
}

test("a directory of 5,000: scans, pages, rows read", async () => {
  const ids = await people(acme, PEOPLE, (n) => user(`p${n}`, { title: `t${n % 7}`, nickName: n % 2 ? "Éva" : "eva" }));
  assert.equal(new Set(ids).size, PEOPLE);
  const get = async (query) => (await acme.scim("GET", `/Users?${query}`));

  // A scan in several steps finds all; a request that comes while it runs is answered before it.
  const scan = get("filter=title+eq+%22T3%22+and+nickName+eq+%22%C3%89VA%22&count=3");
  const quick = await acme.scim("GET", `/Users/${ids[0]}`);
  assert.equal(quick.status, 200);
  const found = (await scan).body;
  assert.equal(found.totalResults, Array.from({ length: PEOPLE }, (_, n) => n).filter((n) => n % 7 === 3 && n % 2).length);
  assert.deepEqual(found.Resources.map((r) => r.userName), ["p3", "p17", "p31"]);

  // A sequential reader pays for its page alone, the first and the last alike. The token's row, the head of the feed,
  // and for each of 100 users its place, its row and its groups.
  for (const paging of ["index", "cursor"]) {
    let [read, seen, next] = [[], [], paging === "index" ? 1 : ""];
    while (seen.length < PEOPLE) {
      const page = await get(paging === "index" ? `startIndex=${next}&count=100` : `cursor=${next}&count=100`);
      assert.equal(page.status, 200, JSON.stringify(page.body));
      seen.push(...page.body.Resources.map((r) => r.id));
      next = paging === "index" ? next + page.body.itemsPerPage : page.body.nextCursor;
      read.push(page.read);
    }
    assert.deepEqual(seen, ids, paging);
    assert.ok(read.every((rows) => rows <= 310), `${paging}: ${Math.min(...read)} to ${Math.max(...read)} rows read`);
  }

  // Look-ups read a few rows, in a directory of any size. That by an address first asks how many users may have it.
  for (const filter of ['userName eq "P77"', 'externalId eq "x-p77"', `id eq "${ids[77]}"`, 'emails[type eq "work"].value eq "P77@example.com"']) {
    const one = await get(`filter=${encodeURIComponent(filter)}`);
    assert.deepEqual(one.body.Resources?.map((r) => r.id), [ids[77]], filter);
    assert.ok(one.read <= 14, `${filter} read ${one.read} rows`);
  }

  // A group of all of them, read whole, with and without its members.
  const made = await acme.scim("POST", "/Groups", group("everybody", ids));
  assert.equal(made.status, 201, JSON.stringify(made.body).slice(0, 300));
  const everybody = (await acme.scim("GET", `/Groups/${made.body.id}`)).body;
  assert.deepEqual(everybody.members.map((member) => member.value), ids);
  const bare = await acme.scim("GET", `/Groups/${made.body.id}?excludedAttributes=members`);
  assert.deepEqual([bare.body.displayName, bare.body.members], ["everybody", undefined]);
  assert.ok(bare.read <= 5, `${bare.read} rows read without the members`);

  const sorted = await get("sortBy=nickName&sortOrder=descending&count=2");
  assert.deepEqual(sorted.body.Resources.map((r) => r.userName), ["p1", "p3"]);
  const anywhere = await acme.scim("POST", "/.search", { schemas: [SEARCH], filter: 'title eq "t6" and userName sw "p49"', attributes: ["title"] });
  assert.ok(anywhere.body.totalResults > 10 && anywhere.body.Resources.every((r) => r.title === "t6" && !r.userName));
});

test("a page ends early at 4 MiB", async () => {
  const org = await organisation(server, "large");
  const ids = await people(org, 20, (n) => user(`big${n}`, { title: "x".repeat(250_000) }));
  const page = (await org.scim("GET", "/Users?count=100")).body;
  assert.deepEqual([page.totalResults, page.itemsPerPage], [20, 16]);
  const rest = (await org.scim("GET", "/Users?count=100&startIndex=17")).body;
  assert.deepEqual([...page.Resources, ...rest.Resources].map((r) => r.id), ids);
});
