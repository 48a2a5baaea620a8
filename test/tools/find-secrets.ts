/** Looks for secrets in what was written, as they are and in the usual disguises. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Where a secret was found: nothing more than names. */
export interface Leak {
  readonly secret: string;
  readonly where: string;
}

/**
 * The texts that give a secret away: as hex, base64 and base64url, wherever it stands in what was encoded; and in a
 * URL.
 */
function formsOf(secret: string | Uint8Array): string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const encoded = [0, 1, 2].flatMap((before) => {
    // The first and the last letters also hold bits of the neighbours.
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const middle = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [middle, middle.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const inUrl = typeof secret === "string" ? [encodeURIComponent(secret)] : [];
  return [...new Set([...inUrl, hex, hex.toUpperCase(), ...encoded])];
}

/** Searches for named secrets. A key has several: its digits as text, and its bytes. */
export class SecretSearch {
  readonly #forms: { secret: string; bytes: Buffer }[] = [];

  add(name: string, secret: string | Uint8Array): void {
    if (secret.length < 8) {
      throw new Error(`${name} is too short to be searched for`);
    }
    const forms = [Buffer.from(secret), ...formsOf(secret).map((form) => Buffer.from(form))];
    this.#forms.push(...forms.map((bytes) => ({ secret: name, bytes })));
  }

  inText(where: string, text: string | Uint8Array): Leak[] {
    const bytes = Buffer.from(text);
    const found = this.#forms.filter((form) => bytes.includes(form.bytes)).map(({ secret }) => secret);
    return [...new Set(found)].map((secret) => ({ secret, where }));
  }

  /** Names and contents of everything in a folder. */
  inFolder(folder: string): Leak[] {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
      const place = path.join(entry.parentPath, entry.name);
      const inName = this.inText(`the name ${place}`, entry.name);
      return entry.isFile() ? [...inName, ...this.inText(place, readFileSync(place))] : inName;
    });
  }
}
