// The calls of scim-edge's Console API that a follower needs, with the types of their answers. `fetch` does it all.

export type Attributes = Record<string, unknown>;

export interface Group {
  id: string;
  version: number;
  created: string;
  modified: string;
  attributes: Attributes;
}

export interface User extends Group {
  active: boolean;
}

export type ResourceType = "User" | "Group";

/** What happened to one user or group. `resource` is as it is when the feed is read, `null` if it is gone by then. */
export interface ResourceChange {
  seq: number;
  at: string;
  kind: "created" | "updated" | "deactivated" | "reactivated" | "deleted";
  resourceType: ResourceType;
  id: string;
  resource: Attributes | null;
  active?: boolean;
  version?: number;
  created?: string;
  modified?: string;
  /** The groups that a user left who was deleted or came back, and their versions since. */
  groups?: string[];
  groupVersions?: { id: string; version: number; modified: string }[];
  /** How many memberships went at once with a user or group that had very many; `updated` changes with a user's groups follow. */
  memberships?: number;
}

/** Who joined and who left a group. Without `version` if the group is gone by then. */
export interface MembersChange {
  seq: number;
  at: string;
  kind: "members";
  resourceType: "Group";
  id: string;
  added: string[];
  removed: string[];
  version?: number;
  modified?: string;
}

/** The directory was replaced as a whole: only a new snapshot tells what it is. */
export interface Imported {
  seq: number;
  at: string;
  kind: "imported";
}

export type Change = ResourceChange | MembersChange | Imported;

export interface Counts {
  users: number;
  activeUsers: number;
  groups: number;
  memberships: number;
  tombstones: number;
}

/** A line of a snapshot. */
export type Line =
  | { from: number }
  | { user: User }
  | { group: Group }
  | { members: { id: string; users: string[] } }
  | { tombstone: { id: string; resourceType: ResourceType } }
  | { change: Change }
  | { at: number; counts: Counts; lines: number };

export interface Changes {
  changes: Change[];
  next: number;
}

/** A page of a list, and the tag of the directory that it was read from. */
export interface Page<Item> {
  items: Item[];
  tag: string;
}

/** Refused: asking again will not help. */
export class Refused extends Error {}

/** The position leads nowhere any more: only a new snapshot does. */
export class Restart extends Error {}

/** No answer, a part of one, or "later": the same again may help, after so many seconds if the service says so. */
export class Later extends Error {
  readonly seconds: number | null;

  constructor(message: string, seconds: number | null = null) {
    super(message);
    this.seconds = seconds;
  }
}

export interface Settings {
  /** The service's origin, such as `https://scim.example.com`. */
  base: string;
  org: string;
  /** A token of kind `console`; scope `read` will do. */
  token: string;
  fetch?: typeof globalThis.fetch;
}

/** The longest that a page of changes is held back, in seconds. */
export const WAIT = 25;
/** A connection that says nothing for so much longer than it may is taken for dead. */
const SILENCE_MS = 30_000;

export class Client {
  readonly url: string;
  readonly #token: string;
  readonly #fetch: typeof globalThis.fetch;

  constructor({ base, org, token, fetch = globalThis.fetch }: Settings) {
    this.url = `${base.replace(/\/+$/, "")}/v1/orgs/${org}`;
    this.#token = token;
    this.#fetch = fetch;
  }

  /** The changes after a position; if there are none yet, the answer is held back for up to `wait` seconds. */
  async changes(after: number, { limit = 500, wait = 0, signal }: { limit?: number; wait?: number; signal?: AbortSignal } = {}) {
    const { body } = await this.#json(`/changes?after=${after}&limit=${limit}&wait=${wait}`, wait, signal);
    return body as Changes;
  }

  /** The lines of a snapshot as they come. Whole only if the last one is there. */
  async *snapshot(signal?: AbortSignal): AsyncGenerator<Line> {
    let rest = "";
    for await (const text of this.#texts("/snapshot", 0, signal)) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield parsed("/snapshot", line) as Line;
    }
  }

  users(signal?: AbortSignal) {
    return this.#pages<User>("/users", "users", signal);
  }

  groups(signal?: AbortSignal) {
    return this.#pages<Group>("/groups", "groups", signal);
  }

  members(group: string, signal?: AbortSignal) {
    return this.#pages<{ id: string; userName: string; active: boolean }>(`/groups/${group}/members`, "members", signal);
  }

  async *#pages<Item>(path: string, name: string, signal?: AbortSignal): AsyncGenerator<Page<Item>> {
    let after = "";
    for (;;) {
      const { body, tag } = await this.#json(`${path}?limit=1000${after}`, 0, signal);
      const page = body as Record<string, Item[]> & { next: string | null };
      yield { items: page[name] ?? [], tag };
      if (page.next === null) return;
      after = `&after=${encodeURIComponent(page.next)}`;
    }
  }

  async #json(path: string, wait: number, signal?: AbortSignal): Promise<{ body: unknown; tag: string }> {
    let [text, tag] = ["", ""];
    const head = (headers: Headers) => (tag = headers.get("ETag") ?? "");
    for await (const more of this.#texts(path, wait, signal, head)) text += more;
    return { body: parsed(path, text), tag };
  }

  /** A GET, and the texts of its answer as they come. */
  async *#texts(path: string, wait: number, signal?: AbortSignal, head?: (headers: Headers) => void): AsyncGenerator<string> {
    const silence = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new Error("the connection went silent")), ms);
    };
    heard(wait * 1000 + SILENCE_MS);
    try {
      const response = await this.#fetch(this.url + path, {
        headers: { Authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.any(signal ? [signal, silence.signal] : [silence.signal]),
      });
      if (!response.ok) throw await refusal(path, response);
      head?.(response.headers);
      const decoder = new TextDecoder();
      for await (const bytes of response.body ?? []) {
        heard(SILENCE_MS);
        yield decoder.decode(bytes, { stream: true });
      }
    } catch (error) {
      if (error instanceof Refused || error instanceof Restart || error instanceof Later || signal?.aborted) throw error;
      const { cause, message } = error as Error;
      throw new Later(`GET ${path}: ${cause instanceof Error ? `${message}, ${cause.message}` : message}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Later(`GET ${path} gave no whole JSON: ${text.slice(0, 100)}`);
  }
}

/** What an answer that is none means: to wait, to begin anew, or to give up. */
async function refusal(path: string, response: Response): Promise<Error> {
  const text = await response.text();
  let detail = text.slice(0, 300);
  try {
    detail = (JSON.parse(text) as { detail?: string }).detail ?? detail;
  } catch {
    // Not the service's own words, but of something before it.
  }
  const message = `GET ${path} was answered ${response.status}: ${detail}`;
  // 400 is a position beyond the end: the organisation was erased and registered anew.
  if (path.startsWith("/changes") && [400, 410].includes(response.status)) return new Restart(message);
  if (response.status !== 429 && response.status < 500) return new Refused(message);
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return new Later(message, Number.isFinite(seconds) ? seconds : null);
}
