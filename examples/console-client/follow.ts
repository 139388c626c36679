// Follows an organisation: a snapshot, then every change as it comes, whatever happens to connections in between.
import type { Change, Client, Page } from "./client.ts";
import { Later, Restart, WAIT } from "./client.ts";
import { Copy, differences } from "./copy.ts";

/** Keeps a copy beyond the end of the process. `load` gives `null` if there is none to go on from. */
export interface Store {
  load(): Copy | null;
  save(copy: Copy): void;
}

export interface Options {
  store?: Store;
  /** A snapshot was taken, at first and whenever only that leads on: what is known from before is void. */
  onSnapshot?: (copy: Copy) => void;
  /** Each change once and in order, after the copy has it; after a crash again from where it was saved last. */
  onChange?: (change: Change, copy: Copy) => void;
  /** Something failed and is tried again. */
  onTrouble?: (error: Error, pauseMs: number) => void;
}

const SAVE_MS = 1000;
const PAUSE_MS = 250;
const PAUSE_MAX_MS = 30_000;

/** How long to wait before the next attempt: as long as the service says, else longer each time. */
export function pause(error: Error, attempt: number, random = Math.random()): number {
  if (error instanceof Later && error.seconds !== null) return error.seconds * 1000;
  return Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** attempt) * (0.5 + random / 2);
}

export class Follower {
  /** What is known so far: the last whole copy. */
  copy: Copy;
  readonly #client: Client;
  readonly #options: Options;
  #saved = { seq: 0, at: 0 };

  constructor(client: Client, options: Options = {}) {
    this.#client = client;
    this.#options = options;
    this.copy = options.store?.load() ?? new Copy();
    this.#saved.seq = this.copy.seq;
  }

  /** Follows until `signal`; fails only if asking again cannot help, such as with a token that has ended. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) await this.#patiently(() => this.#step(WAIT, signal), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#save(0);
    }
  }

  /**
   * Reads the whole directory once more and compares: paths of what differs, none if the copy is equal. Waits for a moment
   * in which nothing changes. Pages show no tombstones, a snapshot does. May be called while `run` runs.
   */
  async verify(by: "pages" | "snapshot", signal?: AbortSignal): Promise<string[]> {
    return this.#patiently(async () => {
      while (await this.#step(0, signal));
      const { seq } = this.copy;
      const other = by === "pages" ? await pages(this.#client, signal) : await whole(this.#client, signal);
      while (await this.#step(0, signal));
      // Only then both are of the same moment.
      if (this.copy.seq !== seq) throw new Later("The directory moved while it was read");
      const parts = (copy: Copy) => ({ users: copy.users, groups: copy.groups, members: copy.members });
      const found = differences(parts(this.copy), parts(other));
      return by === "pages" ? found : [...found, ...differences(this.copy.tombstones, other.tombstones, "/tombstones")];
    }, signal);
  }

  /** The snapshot or the next page of changes; says whether there may be more. */
  async #step(wait: number, signal?: AbortSignal): Promise<boolean> {
    const { onSnapshot, onChange } = this.#options;
    if (!this.copy.whole) {
      const copy = await whole(this.#client, signal);
      if (this.copy.whole) return true;
      this.copy = copy;
      onSnapshot?.(this.copy);
      this.#save(0);
      return true;
    }
    const { changes } = await this.#client.changes(this.copy.seq, { wait, signal });
    // A page is applied at once, so nobody sees half of it.
    for (const change of changes) if (this.copy.apply(change)) onChange?.(change, this.copy);
    this.#save(SAVE_MS);
    return changes.length > 0;
  }

  /** Does it until it succeeds. What is asked for is only read, so it may be asked for as often as it takes. */
  async #patiently<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (signal?.aborted || !(error instanceof Later || error instanceof Restart)) throw error;
        // The old copy stays readable until the new one is whole.
        if (error instanceof Restart) this.copy.whole = false;
        const ms = pause(error, attempt);
        this.#options.onTrouble?.(error, ms);
        await sleep(ms, signal);
      }
    }
  }

  /** Lost saves cost nothing but to read the same changes again. */
  #save(everyMs: number): void {
    if (this.copy.seq === this.#saved.seq || !this.copy.whole || Date.now() - this.#saved.at < everyMs) return;
    this.#options.store?.save(this.copy);
    this.#saved = { seq: this.copy.seq, at: Date.now() };
  }
}

/** A snapshot, whole. */
async function whole(client: Client, signal?: AbortSignal): Promise<Copy> {
  const copy = new Copy();
  for await (const line of client.snapshot(signal)) copy.line(line);
  if (!copy.whole) throw new Later("The snapshot was cut off before its last line");
  return copy;
}

/** The same from the lists. All pages have one tag, or the directory moved in between. */
async function pages(client: Client, signal?: AbortSignal): Promise<Copy> {
  const copy = new Copy();
  let first: string | undefined;
  const still = ({ tag }: Page<unknown>) => {
    if (tag !== (first ??= tag)) throw new Later("The directory moved while it was read");
  };
  for await (const page of client.users(signal)) {
    still(page);
    for (const user of page.items) copy.line({ user });
  }
  for await (const page of client.groups(signal)) {
    still(page);
    for (const group of page.items) copy.line({ group });
  }
  for (const { id } of copy.groups.values()) {
    for await (const page of client.members(id, signal)) {
      still(page);
      copy.line({ members: { id, users: page.items.map((member) => member.id) } });
    }
  }
  return copy;
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const stop = () => {
      clearTimeout(timer);
      fail(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      done();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
