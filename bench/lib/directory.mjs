// The directory that every server is given, in the rhythm of Entra's first sync: each user is looked for, then created; each
// group is looked for, created empty, and gets its members by PATCH. Then one large group.
export const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
export const GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group";
export const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/** Members that one PATCH of the first sync adds. */
const CREW = 20;

/** Returns the n-th user as a provider sends it. */
export function person(n) {
  return {
    schemas: [USER],
    userName: `user${n}@example.com`,
    externalId: `x-${n}`,
    displayName: `Given${n} Family${n}`,
    name: { givenName: `Given${n}`, familyName: `Family${n}` },
    emails: [{ type: "work", primary: true, value: `user${n}@example.com` }],
    active: true,
  };
}

export const patch = (...Operations) => ({ schemas: [PATCH], Operations });
export const values = (ids) => ids.map((value) => ({ value }));
export const query = (filter, more = "") => `?filter=${encodeURIComponent(filter)}${more}`;

/** Runs `body(n)` for n below `count`, as many at once as the client has connections. */
async function each(client, count, body) {
  let next = 0;
  const one = async () => {
    for (let n = next++; n < count; n = next++) await body(n);
  };
  await Promise.all(Array.from({ length: client.connections }, one));
}

function must(answer, statuses, what) {
  if (!statuses.includes(answer.status)) throw new Error(`${what} answered ${answer.status}: ${answer.text.slice(0, 200)}`);
  return answer.body;
}

/**
 * Fills the server: `users` and `groups` in Entra's rhythm, measured, then the group `big` with `members` of the users and the small
 * group `crew`. Returns the directory that bench/work.mjs asks about, with `sync`: requests and seconds of the first sync.
 */
export async function fill(client, { users, groups, members }) {
  const ids = new Array(users);
  let requests = 0;
  const began = performance.now();
  const call = (asked) => {
    requests += 1;
    return client.call(asked);
  };
  await each(client, users, async (n) => {
    const found = must(await call({ path: `/Users${query(`userName eq "${person(n).userName}"`)}` }), [200], "a look-up");
    if (found?.totalResults !== 0) throw new Error(`a user who was not created is found: ${JSON.stringify(found).slice(0, 200)}`);
    ids[n] = must(await call({ method: "POST", path: "/Users", body: person(n) }), [201], "a create").id;
  });
  await each(client, groups, async (n) => {
    const displayName = `Group ${n}`;
    await call({ path: `/Groups${query(`displayName eq "${displayName}"`, "&excludedAttributes=members")}` });
    const { id } = must(await call({ method: "POST", path: "/Groups", body: { schemas: [GROUP], displayName, members: [] } }), [201], "a group");
    const crew = Array.from({ length: CREW }, (_, m) => ids[(n * CREW + m) % users]);
    const added = { op: "Add", path: "members", value: values(crew) };
    must(await call({ method: "PATCH", path: `/Groups/${id}`, body: patch(added) }), [200, 204], "members");
  });
  const seconds = (performance.now() - began) / 1000;
  const group = async (displayName, crew) => {
    const body = { schemas: [GROUP], displayName, members: values(crew) };
    return must(await client.call({ method: "POST", path: "/Groups", body }), [201], `the group ${displayName}`).id;
  };
  const big = await group("Everyone", ids.slice(0, members));
  const crew = await group("Crew", []);
  return { ids, users, members, big, crew, outside: members, made: users, active: new Array(users).fill(true), sync: { requests, seconds } };
}
