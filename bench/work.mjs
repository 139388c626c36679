// The work that is measured: for each kind the request, what a good status is, and the check of whole answers without which
// no figure counts. `floor` names the kind of work of bench/floor/index.js that a figure stands beside.
import { patch, person, query, values } from "./lib/directory.mjs";

const ok = (answer) => answer.status === 200;
const done = (answer) => answer.status === 200 || answer.status === 204;
const said = (answer) => `${answer.status} ${answer.text.slice(0, 120)}`;

/** A user whom no row changes, so that a replay finds it as it was. */
const still = (directory, n) => n % Math.floor(directory.users / 2);
/** A user whom PATCH switches on and off. */
const moving = (directory, n) => Math.floor(directory.users / 2) + (n % Math.floor(directory.users / 2));

const lookUp = (name, filter) => ({
  name,
  floor: "hop",
  count: 3000,
  ask: (directory, n) => ({ path: `/Users${query(filter(n % directory.users))}` }),
  good: ok,
  check: async (client, directory) => {
    const found = await client.call({ path: `/Users${query(filter(7))}` });
    if (found.body?.totalResults !== 1 || found.body.Resources?.[0]?.id !== directory.ids[7]) return said(found);
    const none = await client.call({ path: `/Users${query(filter("none"))}` });
    return none.status === 200 && none.body?.totalResults === 0 ? null : `a value that no user has: ${said(none)}`;
  },
});

/** Switches a user; each request is a change. `operation` is the provider's form of it. */
const switched = (name, operation) => ({
  name,
  floor: "insert",
  count: 2000,
  ask: (directory, n) => {
    const at = moving(directory, n);
    directory.active[at] = !directory.active[at];
    return { method: "PATCH", path: `/Users/${directory.ids[at]}`, body: patch(operation(directory.active[at])) };
  },
  good: done,
  check: async (client, directory) => {
    const path = `/Users/${directory.ids[moving(directory, 0)]}`;
    for (const active of [false, true]) {
      const answer = await client.call({ method: "PATCH", path, body: patch(operation(active)) });
      if (!done(answer)) return said(answer);
      const now = await client.call({ path });
      if (now.body?.active !== active) return `active is ${JSON.stringify(now.body?.active)} afterwards, not ${active}`;
    }
    return null;
  },
});

const page = (name, start) => ({
  name,
  count: 400,
  ask: (directory) => ({ path: `/Users?startIndex=${start(directory)}&count=100` }),
  good: ok,
  check: async (client, directory) => {
    const { body, ...answer } = await client.call({ path: `/Users?startIndex=${start(directory)}&count=100` });
    const { body: next } = await client.call({ path: `/Users?startIndex=${start(directory) + 100}&count=100` });
    const seen = new Set([...(body?.Resources ?? []), ...(next?.Resources ?? [])].map(({ id }) => id));
    if (body?.Resources?.length !== 100) return `${body?.Resources?.length} resources: ${said(answer)}`;
    if (seen.size !== 200) return "two pages after one another share users";
    return body.totalResults >= directory.users ? null : `totalResults is ${body.totalResults}`;
  },
});

/** Returns the members of a group as GET shows them. */
async function membersOf(client, id) {
  const { body } = await client.call({ path: `/Groups/${id}` });
  return new Set((body?.members ?? []).map(({ value }) => value));
}

const addMember = (name, connections) => ({
  name,
  floor: "insert",
  count: 100,
  connections,
  ask: (directory) => {
    const added = { op: "Add", path: "members", value: values([directory.ids[directory.outside++]]) };
    return { method: "PATCH", path: `/Groups/${directory.big}`, body: patch(added) };
  },
  good: done,
  check: async (client, directory) => {
    const id = directory.ids[directory.outside++];
    const added = patch({ op: "Add", path: "members", value: values([id]) });
    const answer = await client.call({ method: "PATCH", path: `/Groups/${directory.big}`, body: added });
    const members = await membersOf(client, directory.big);
    return done(answer) && members.has(id) && members.size === directory.outside ? null : `${answer.status}, then ${members.size} of ${directory.outside} members`;
  },
  // Members that were added at the same time must all be there.
  after: async (client, directory) => {
    const { size } = await membersOf(client, directory.big);
    return size === directory.outside ? null : `${directory.outside - size} members were lost`;
  },
});

const replaced = (directory, n) => {
  const many = Math.min(1000, directory.users - 200);
  return directory.ids.slice((n % 2) * 100, (n % 2) * 100 + many);
};

/** All rows in the order in which they run. */
export const rows = [
  {
    name: "create", floor: "insert", count: 2000,
    ask: (directory) => ({ method: "POST", path: "/Users", body: person(directory.made++) }),
    good: (answer) => answer.status === 201,
    check: async (client, directory) => {
      const wanted = person(directory.made++);
      const made = await client.call({ method: "POST", path: "/Users", body: wanted });
      if (made.status !== 201 || made.body?.userName !== wanted.userName || !made.body.id) return said(made);
      const read = await client.call({ path: `/Users/${made.body.id}` });
      return read.body?.externalId === wanted.externalId ? null : `read again: ${said(read)}`;
    },
  },
  {
    name: "get", floor: "hop", count: 4000,
    ask: (directory, n) => ({ path: `/Users/${directory.ids[n % directory.users]}` }),
    good: ok,
    check: async (client, directory) => {
      const answer = await client.call({ path: `/Users/${directory.ids[3]}` });
      const right = answer.body?.id === directory.ids[3] && answer.body.userName === person(3).userName && answer.body.active === true;
      return right ? null : said(answer);
    },
  },
  lookUp("userName eq", (n) => `userName eq "user${n}@example.com"`),
  lookUp("externalId eq", (n) => `externalId eq "x-${n}"`),
  lookUp("e-mail value path", (n) => `emails[type eq "work"].value eq "user${n}@example.com"`),
  {
    name: "PUT again", floor: "hop", count: 2000,
    ask: (directory, n) => ({ method: "PUT", path: `/Users/${directory.ids[still(directory, n)]}`, body: person(still(directory, n)) }),
    good: ok,
    check: async (client, directory) => {
      const answer = await client.call({ method: "PUT", path: `/Users/${directory.ids[5]}`, body: person(5) });
      return answer.status === 200 && answer.body?.userName === person(5).userName ? null : said(answer);
    },
  },
  {
    name: "PATCH again", floor: "hop", count: 2000,
    ask: (directory, n) => {
      const at = still(directory, n);
      const same = { op: "replace", path: "displayName", value: person(at).displayName };
      return { method: "PATCH", path: `/Users/${directory.ids[at]}`, body: patch(same) };
    },
    good: done,
    check: async (client, directory) => {
      const path = `/Users/${directory.ids[5]}`;
      const answer = await client.call({ method: "PATCH", path, body: patch({ op: "replace", path: "displayName", value: person(5).displayName }) });
      const read = await client.call({ path });
      return done(answer) && read.body?.displayName === person(5).displayName ? null : said(answer);
    },
  },
  switched("PATCH active, Okta", (active) => ({ op: "replace", value: { active } })),
  switched("PATCH active, Entra", (active) => ({ op: "Replace", path: "active", value: active ? "True" : "False" })),
  addMember("add 1 member", 1),
  addMember("add 1 member, 8 at once", 8),
  {
    name: "replace 1,000 members", count: 60, connections: 1,
    ask: (directory, n) => {
      const all = { op: "Replace", path: "members", value: values(replaced(directory, n)) };
      return { method: "PATCH", path: `/Groups/${directory.crew}`, body: patch(all) };
    },
    good: done,
    check: async (client, directory) => {
      for (const n of [1, 0, 1]) {
        const all = { op: "Replace", path: "members", value: values(replaced(directory, n)) };
        const answer = await client.call({ method: "PATCH", path: `/Groups/${directory.crew}`, body: patch(all) });
        const members = await membersOf(client, directory.crew);
        if (!done(answer)) return said(answer);
        if (members.size !== all.value.length || !all.value.every(({ value }) => members.has(value))) return `${members.size} members afterwards`;
      }
      return null;
    },
  },
  {
    name: "group look-up", floor: "hop", count: 1000,
    ask: () => ({ path: `/Groups${query('displayName eq "Everyone"', "&excludedAttributes=members")}` }),
    good: ok,
    check: async (client, directory) => {
      const answer = await client.call({ path: `/Groups${query('displayName eq "Everyone"', "&excludedAttributes=members")}` });
      const [first] = answer.body?.Resources ?? [];
      if (answer.body?.totalResults !== 1 || first?.id !== directory.big) return said(answer);
      return first.members?.length > 0 ? "it has members" : null;
    },
  },
  {
    name: "get group of 10,000", count: 60, connections: 1,
    ask: (directory) => ({ path: `/Groups/${directory.big}` }),
    good: ok,
    check: async (client, directory) => {
      const { size } = await membersOf(client, directory.big);
      return size === directory.outside ? null : `${size} of ${directory.outside} members`;
    },
  },
  page("page of 100, first", () => 1),
  page("page of 100, deep", (directory) => Math.floor(directory.users * 0.6)),
  {
    name: "feed page of 1,000", own: true, count: 100,
    ask: (directory) => ({ path: "/v1/orgs/bench/changes?after=0&limit=1000", key: directory.key }),
    good: ok,
    check: async (client, directory) => {
      const { body, ...answer } = await client.call({ path: "/v1/orgs/bench/changes?after=0&limit=1000", key: directory.key });
      return body?.changes?.length >= Math.min(1000, directory.users) ? null : `${body?.changes?.length} changes: ${said(answer)}`;
    },
  },
  {
    name: "snapshot, whole", own: true, count: 3, connections: 1,
    ask: (directory) => ({ path: "/v1/orgs/bench/snapshot", key: directory.key }),
    good: ok,
    check: async (client, directory) => {
      const { text } = await client.send({ path: "/v1/orgs/bench/snapshot", key: directory.key });
      const { counts, lines } = JSON.parse(text.trimEnd().split("\n").at(-1));
      // The last line counts those before it.
      return counts?.users >= directory.users && text.trimEnd().split("\n").length === lines + 1 ? null : text.slice(-200);
    },
  },
];

/** The work of the floors. */
export const floorRows = ["hop", "insert", "create"].map((name) => ({
  name, count: 4000,
  ask: () => ({ method: name === "hop" ? "GET" : "POST", path: `/${name}`, body: name === "hop" ? undefined : person(0) }),
  good: (answer) => answer.status === (name === "hop" ? 200 : 201),
}));
