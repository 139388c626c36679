// Keeps a copy in a file, in the form of a snapshot.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Line } from "./client.ts";
import { Copy } from "./copy.ts";
import type { Store } from "./follow.ts";

const PIECE = 1 << 20;

/** `of` is the address of the organisation: the file of another one is not read. */
export function fileStore(path: string, of: string): Store {
  return {
    load() {
      try {
        const copy = new Copy();
        const [first, ...lines] = readFileSync(path, "utf8").trimEnd().split("\n");
        if (JSON.parse(first ?? "").of !== of) throw new Error(`${path} is not of ${of}`);
        for (const line of lines) copy.line(JSON.parse(line) as Line);
        return copy.whole ? copy : null;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw error;
      }
    },
    // Whole or not at all, whenever the process ends.
    save(copy) {
      const fresh = `${path}.new`;
      const file = openSync(fresh, "w", 0o600);
      let text = `${JSON.stringify({ of })}\n`;
      for (const line of copy.lines()) {
        text += `${JSON.stringify(line)}\n`;
        if (text.length > PIECE) {
          writeFileSync(file, text);
          text = "";
        }
      }
      writeFileSync(file, text);
      fsyncSync(file);
      closeSync(file);
      renameSync(fresh, path);
    },
  };
}
