// A copy of an organisation's directory at a position: lines of a snapshot and changes of the feed go in, and whoever has
// applied them in order has the directory. Nothing here waits or calls anything.
import type { Attributes, Change, Counts, Group, Line, ResourceChange, ResourceType, User } from "./client.ts";
import { Restart } from "./client.ts";

export class Copy {
  readonly users = new Map<string, User>();
  readonly groups = new Map<string, Group>();
  /** Of each group, the ids of its users. */
  readonly members = new Map<string, Set<string>>();
  /** Ids that were deleted, which are never given again. */
  readonly tombstones = new Map<string, ResourceType>();
  /** The last change that is in here. */
  seq = 0;
  /** Whether the snapshot's last line was there. */
  whole = false;
  #lines = 0;

  /** Applies a line of a snapshot. It may tell of what is there already, or of what a later line brings. */
  line(line: Line): void {
    if ("at" in line) return this.#end(line);
    this.#lines += 1;
    if ("from" in line) this.seq = line.from;
    else if ("user" in line) this.users.set(line.user.id, line.user);
    else if ("group" in line) this.#group(line.group);
    else if ("tombstone" in line) this.tombstones.set(line.tombstone.id, line.tombstone.resourceType);
    else if ("members" in line) this.#join(line.members.id, line.members.users);
    else this.apply(line.change);
  }

  /**
   * Applies a change and says whether it is news: one that is in here already is passed over.
   * @throws Restart if only a new snapshot leads on.
   */
  apply(change: Change): boolean {
    if (change.seq <= this.seq) return false;
    if (change.seq !== this.seq + 1) throw new Restart(`Change ${change.seq} came after ${this.seq}`);
    if (change.kind === "imported") throw new Restart(`An import replaced the directory in change ${change.seq}`);
    this.seq = change.seq;
    if (change.kind !== "members") {
      this.#resource(change);
      return true;
    }
    this.#join(change.id, change.added);
    for (const id of change.removed) this.members.get(change.id)?.delete(id);
    this.#touch(change.id, change);
    return true;
  }

  #resource({ kind, resourceType, id, resource, groups, groupVersions, memberships, ...shown }: ResourceChange): void {
    for (const group of groups ?? []) this.members.get(group)?.delete(id);
    for (const group of groupVersions ?? []) this.#touch(group.id, group);
    if (memberships !== undefined && resourceType === "User") for (const members of this.members.values()) members.delete(id);
    if (kind === "deleted") this.tombstones.set(id, resourceType);
    if (resource === null) {
      // Gone by now, by this change or by one that follows. An id is never given again.
      if (resourceType === "User") this.users.delete(id);
      else this.#forget(id);
      return;
    }
    const { schemas, ...attributes } = resource;
    const { version = 0, created = "", modified = "", active = false } = shown;
    const group = { id, version, created, modified, attributes };
    if (resourceType === "User") this.users.set(id, { ...group, active });
    else this.#group(group);
  }

  #group(group: Group): void {
    this.groups.set(group.id, group);
    if (!this.members.has(group.id)) this.members.set(group.id, new Set());
  }

  #forget(group: string): void {
    this.groups.delete(group);
    this.members.delete(group);
  }

  /** A group or a user that is not known is gone by now, or a change that follows brings it. */
  #join(group: string, users: string[]): void {
    const members = this.members.get(group);
    for (const id of users) if (this.users.has(id)) members?.add(id);
  }

  /** A group whose members changed is at another version. */
  #touch(id: string, { version, modified }: { version?: number; modified?: string }): void {
    const group = this.groups.get(id);
    if (group && version !== undefined && modified !== undefined) this.groups.set(id, { ...group, version, modified });
  }

  #end({ at, counts, lines }: { at: number; counts: Counts; lines: number }): void {
    const found = { at: this.seq, lines: this.#lines, ...this.counts() };
    const told = { at, lines, ...counts };
    const wrong = differences(found, told);
    if (wrong.length > 0) throw new Restart(`The snapshot does not add up: ${JSON.stringify(found)}, not ${JSON.stringify(told)}`);
    this.whole = true;
  }

  counts(): Counts {
    const count = <Item>(items: Iterable<Item>, size: (item: Item) => number) => [...items].reduce((sum, item) => sum + size(item), 0);
    return {
      users: this.users.size,
      activeUsers: count(this.users.values(), (user) => (user.active ? 1 : 0)),
      groups: this.groups.size,
      memberships: count(this.members.values(), (members) => members.size),
      tombstones: this.tombstones.size,
    };
  }

  /** The copy as the snapshot that makes it. */
  *lines(): Generator<Line> {
    let memberships = 0;
    yield { from: this.seq };
    for (const user of this.users.values()) yield { user };
    for (const group of this.groups.values()) yield { group };
    for (const [id, members] of this.members) {
      // The change that takes away who is gone may still follow.
      const users = [...members].filter((user) => this.users.has(user));
      memberships += users.length;
      yield { members: { id, users } };
    }
    for (const [id, resourceType] of this.tombstones) yield { tombstone: { id, resourceType } };
    const lines = 1 + this.users.size + 2 * this.groups.size + this.tombstones.size;
    yield { at: this.seq, counts: { ...this.counts(), memberships }, lines };
  }
}

/** What two values that are shown as JSON differ in, as paths; maps and sets as well. */
export function differences(one: unknown, other: unknown, path = ""): string[] {
  const [a, b] = [plain(one), plain(other)];
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b ? [] : [path];
  const [fields, others] = [a as Attributes, b as Attributes];
  const names = new Set([...Object.keys(fields), ...Object.keys(others)]);
  return [...names].flatMap((name) => differences(fields[name], others[name], `${path}/${name}`));
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return Object.fromEntries([...value].map((item) => [item, true]));
  return value;
}
