/** What was expected against what came: text and JSON with named parts, each the same wherever it stands. */

/** The kinds of what differs from run to run: `<cid>` and `<cid-before>` are two parts of the kind cid. */
const kinds: Readonly<Record<string, string>> = {
  did: "did:plc:[a-z2-7]{24}",
  folder: "did-plc-[a-z2-7]{24}",
  cid: "baf[a-z2-7]{56}",
  rev: "[2-7a-z]{13}",
  key: "did:key:z[1-9A-HJ-NP-Za-km-z]{40,60}",
  time: String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
  moment: String.raw`\d{4}-\d\d-\d\d \d\d:\d\d \(UTC[^)]*\)`,
  code: "[A-Z2-7]{5}-[A-Z2-7]{5}",
  day: String.raw`\d{4}-\d\d-\d\d`,
  size: String.raw`\d+(?:\.\d)? (?:bytes|kB|MB)`,
  count: String.raw`[\d,]+`,
  sha: "[0-9a-f]{64}",
  sig: "[A-Za-z0-9_-]{86}",
  version: String.raw`\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?`,
  text: ".+?",
};

const part = new RegExp(`<((?:${Object.keys(kinds).join("|")})(?:-[a-z0-9-]+)?)>`, "g");

/** A text as a pattern that only it fits. */
export function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

/** What is known of the named parts. */
export type Known = Readonly<Record<string, string>>;

/** Puts what is known in its places. @throws Error for a part that is not known */
export function fill(text: string, known: Known): string {
  return text.replaceAll(part, (whole, name: string) => {
    const value = known[name];
    if (value === undefined) {
      throw new Error(`${whole} is not known yet`);
    }
    return value;
  });
}

/** The same, with those that are not known left as they are. */
export function fillKnown(text: string, known: Known): string {
  return text.replaceAll(part, (whole, name: string) => known[name] ?? whole);
}

/** @returns what is known then; undefined if the text is not as expected */
export function matchText(expected: string, text: string, known: Known): Known | undefined {
  const names: string[] = [];
  let source = "";
  let at = 0;
  for (const { 0: whole, 1: name = "", index } of expected.matchAll(part)) {
    source += escaped(expected.slice(at, index));
    at = index + whole.length;
    const value = known[name];
    if (value !== undefined) {
      source += escaped(value);
    } else if (names.includes(name)) {
      source += `\\${names.indexOf(name) + 1}(?![0-9])`;
    } else {
      names.push(name);
      source += `(${kinds[name.split("-")[0] ?? ""] ?? ""})`;
    }
  }
  const found = new RegExp(`^${source}${escaped(expected.slice(at))}$`, "u").exec(text);
  return found === null
    ? undefined
    : { ...known, ...Object.fromEntries(names.map((name, index) => [name, found[index + 1] ?? ""])) };
}

/** What stands for further fields or entries, in JSON that is expected. */
const more = "…more";

/** JSON against JSON. Texts are matched as texts; a text that is expected may also stand for a number. */
export function matchJson(expected: unknown, value: unknown, known: Known): Known | undefined {
  if (typeof expected === "string") {
    return typeof value === "string" || typeof value === "number"
      ? matchText(expected, String(value), known)
      : undefined;
  }
  if (Array.isArray(expected)) {
    const open = expected.at(-1) === more;
    const items: unknown[] = open ? expected.slice(0, -1) : expected;
    if (!Array.isArray(value) || (open ? value.length < items.length : value.length !== items.length)) {
      return undefined;
    }
    return items.reduce<Known | undefined>(
      (found, item, index) => found && matchJson(item, value[index], found),
      known,
    );
  }
  if (typeof expected === "object" && expected !== null) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return undefined;
    }
    const fields = Object.entries(expected).filter(([name]) => name !== more);
    const there = value as Record<string, unknown>;
    const isClosed = !(more in expected);
    if (isClosed && Object.keys(there).some((name) => !(name in expected))) {
      return undefined;
    }
    return fields.reduce<Known | undefined>(
      (found, [name, item]) => (found && Object.hasOwn(there, name) ? matchJson(item, there[name], found) : undefined),
      known,
    );
  }
  return expected === value ? known : undefined;
}

type Item =
  | { readonly type: "any" }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "json"; readonly value: unknown };

/** Lines against lines. @returns what is known then; undefined if they are not as expected */
export function matchLines(expected: readonly string[], lines: readonly string[], known: Known): Known | undefined {
  return matchItems(readItems(expected), lines, known);
}

function matchItems(items: readonly Item[], lines: readonly string[], known: Known): Known | undefined {
  const [item, ...rest] = items;
  if (item === undefined) {
    return lines.length === 0 ? known : undefined;
  }
  if (item.type === "any") {
    for (let from = 0; from <= lines.length; from += 1) {
      const found = matchItems(rest, lines.slice(from), known);
      if (found !== undefined) {
        return found;
      }
    }
    return undefined;
  }
  if (item.type === "text") {
    const [line] = lines;
    const found = line === undefined ? undefined : matchText(item.text, line, known);
    return found && matchItems(rest, lines.slice(1), found);
  }
  for (let to = 1; to <= lines.length; to += 1) {
    const value = parsed(lines.slice(0, to).join("\n"));
    if (value !== undefined) {
      const found = matchJson(item.value, value.json, known);
      return found && matchItems(rest, lines.slice(to), found);
    }
  }
  return undefined;
}

function readItems(expected: readonly string[]): Item[] {
  const items: Item[] = [];
  for (let at = 0; at < expected.length; at += 1) {
    const line = expected[at] ?? "";
    if (line === "...") {
      items.push({ type: "any" });
    } else if (line.startsWith("{")) {
      let to = at + 1;
      let value = parsed(withMore(line));
      while (value === undefined && to < expected.length) {
        to += 1;
        value = parsed(withMore(expected.slice(at, to).join("\n")));
      }
      if (value === undefined) {
        throw new Error(`this is expected as JSON, and is none: ${line}`);
      }
      items.push({ type: "json", value: value.json });
      at = to - 1;
    } else {
      items.push({ type: "text", text: line });
    }
  }
  return items;
}

function withMore(text: string): string {
  return text
    .replaceAll(/([{,]\s*)\.\.\.(\s*\})/g, `$1"${more}":0$2`)
    .replaceAll(/([[,]\s*)\.\.\.(\s*\])/g, `$1"${more}"$2`);
}

function parsed(text: string): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

/**
 * The files that are expected against those that are there. `blobs/ (2 files)` stands for all that lies under a folder.
 *
 * @returns what is known then; undefined if they are not as expected
 */
export function matchFiles(expected: readonly string[], files: readonly string[], known: Known): Known | undefined {
  let left = [...files];
  let found = known;
  // What is said of single files counts first: the rest of their folder may be summed up.
  const byLength = expected.toSorted((a, b) => Number(summed(a) !== undefined) - Number(summed(b) !== undefined));
  for (const one of byLength) {
    const sum = summed(one);
    const next =
      sum === undefined ? takeFile(one, left, found) : takeFolder(sum.folder, Number(sum.count), left, found);
    if (next === undefined) {
      return undefined;
    }
    ({ left, known: found } = next);
  }
  return left.length === 0 ? found : undefined;
}

function summed(expected: string): { folder: string; count: string } | undefined {
  const [, folder, count] = /^(.*\/) \(([0-9]+) files?\)$/.exec(expected) ?? [];
  return folder === undefined || count === undefined ? undefined : { folder, count };
}

interface Taken {
  readonly left: string[];
  readonly known: Known;
}

function takeFile(expected: string, files: readonly string[], known: Known): Taken | undefined {
  for (const file of files) {
    const found = matchText(expected, file, known);
    if (found !== undefined) {
      return { left: files.filter((other) => other !== file), known: found };
    }
  }
  return undefined;
}

function takeFolder(folder: string, count: number, files: readonly string[], known: Known): Taken | undefined {
  for (const file of files) {
    for (let end = file.indexOf("/"); end !== -1; end = file.indexOf("/", end + 1)) {
      const start = file.slice(0, end + 1);
      const found = matchText(folder, start, known);
      const left = files.filter((other) => !other.startsWith(start));
      if (found !== undefined) {
        return files.length - left.length === count ? { left, known: found } : undefined;
      }
    }
  }
  return undefined;
}
