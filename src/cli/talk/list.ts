/** A list that may be longer than memory: one line an entry, or one JSON document that is written bit by bit. */
import { setImmediate } from "node:timers/promises";
import { printable, printableJson, type Channel } from "./terminal.ts";

/** How a change is marked at the start of a line. */
export const signs = { added: "+", changed: "~", removed: "-" } as const;

export interface List {
  /** Adds one entry, as a line or as a JSON value. Resolves to false once nobody reads any more. */
  add(line: string, value: unknown): Promise<boolean>;
  /** @param more further fields of the document, as JSON values */
  end(more?: Readonly<Record<string, unknown>>): void;
}

/** Characters that are collected before they are written. */
const bunch = 64 * 1024;

/** @param json the command's name and the name of the list in its document; without it, lines are written */
export function createList(out: Channel, json: { command: string; name: string } | undefined): List {
  let text =
    json === undefined
      ? ""
      : `{"type":"result","version":1,"command":${JSON.stringify(json.command)},${JSON.stringify(json.name)}:[`;
  let first = true;
  return {
    add: async (line, value) => {
      text +=
        json === undefined ? `${printable(line)}\n` : `${first ? "" : ","}${printableJson(JSON.stringify(value))}`;
      first = false;
      if (text.length > bunch) {
        out.text(text);
        text = "";
        await out.drained();
        // A pipe that breaks, and Ctrl-C, are noticed between two bunches.
        await setImmediate();
      }
      return !out.closed;
    },
    end: (more = {}) => {
      const fields = Object.entries(more).map((field) => `,${field.map((part) => JSON.stringify(part)).join(":")}`);
      out.text(json === undefined ? text : `${text}]${printableJson(fields.join(""))}}\n`);
    },
  };
}
