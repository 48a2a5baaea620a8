/**
 * The secrets that a process knows, and texts without them. A server may repeat what it was sent, and it may do so in
 * any form: as JSON escapes, percent-encoded, as HTML entities, in base64 or hex, in a mixture of these, or cut off at
 * the end.
 *
 * Tricky bits:
 * - A text is not decoded: a secret may itself look like an escape. It is the secret that is looked for, letter by
 *   letter, each in any of its forms.
 * - Base64 of a secret with something before it has three forms. Of each, only the letters that the secret alone
 *   decides are looked for.
 * - What is found is taken out whole, with the backslash before it, if there is one: JSON stays JSON.
 */
import { decodeBase58 } from "./base58.ts";

/** What stands in the place of a secret. */
const instead = "[secret]";
/** Shorter ones would tear holes into every text, and are no secrets (letters). */
const shortest = 4;
/** The same for what base64 and hex make of one. */
const shortestCode = 6;
/** Longer ones are looked for only as they are (letters). */
const longest = 8192;

/** The letters of one form of a secret: each with what it may be written as, escapes apart. */
interface Needle {
  readonly letters: readonly (readonly string[])[];
  /** Whether lines may be broken within it. */
  readonly breaks: boolean;
  /** A text that is cut off counts as holding the secret from this many of its first letters on. */
  readonly least: number;
}

/**
 * Whose a field of a JSON object is. `own`: its name and its text, or the texts of its list, are its writer's words.
 * `both`: its name is, and its text may be anybody's. `elsewhere`: all that is in it came whole from elsewhere.
 */
export type Whose = (field: string, value: unknown) => "own" | "both" | "elsewhere";

/** Texts that are kept out of everything that is printed, and out of errors. */
export class KnownSecrets {
  readonly #needles = new Map<string, readonly Needle[]>();
  /** By the letters that they may begin with. */
  #byFirst: ReadonlyMap<string, readonly Needle[]> | undefined;
  #released: KnownSecrets | undefined;
  readonly #public = new Set<string>();
  #check: (() => void) | undefined;

  /** @param check is called once, before the first secret is taken. What it throws, whoever takes one throws */
  checkBeforeFirst(check: () => void): void {
    this.#check = check;
  }

  /** Says that a secret is about to be read, or made. @throws what the check throws, each time */
  expect(): void {
    this.#check?.();
    this.#check = undefined;
  }

  /** Keeps a text out of what is printed from now on, in all its forms. @throws as `expect` does */
  add(secret: string): this {
    this.expect();
    if (secret.length >= shortest && !this.#needles.has(secret)) {
      this.#needles.set(secret, needlesFor(secret));
      this.#byFirst = undefined;
    }
    return this;
  }

  /** Lets a text be printed again: somebody has asked to see it. Out of what is kept it stays, see `redactForGood`. */
  release(secret: string): void {
    this.#released = (this.#released ?? new KnownSecrets()).add(secret);
    // It may have been read with white space around it.
    for (const known of [...this.#needles.keys()].filter((one) => one.trim() === secret)) {
      this.#needles.delete(known);
    }
    this.#byFirst = undefined;
  }

  /**
   * A name that is shown whatever secrets are known: one that somebody has typed for a secret by mistake is no secret
   * by that. In a text of a server's (`mayBeCut`) it is taken out all the same: there it may be what was sent.
   */
  allow(name: string): void {
    if (name.length >= shortest) {
      this.#public.add(name);
    }
  }

  /**
   * The text without any of the secrets, nor the beginning of one where dots say that it was cut off.
   *
   * @param mayBeCut whether it may have been cut off without dots: then its end may be the beginning of a secret, too
   */
  redact(text: string, mayBeCut = false): string {
    if (this.#needles.size === 0 || text.length < shortest) {
      return text;
    }
    const places = this.#find(text, mayBeCut);
    let clean = "";
    let at = 0;
    for (const { start, end } of places) {
      clean += `${text.slice(at, start)}${instead}`;
      at = end;
    }
    return clean + text.slice(at);
  }

  /**
   * The same for every text in a JSON value.
   *
   * @param whose what is its writer's own stays: no secret can be told by it. Nothing does without this
   */
  redactIn(value: unknown, whose?: Whose): unknown {
    if (this.#needles.size === 0) {
      return value;
    }
    if (typeof value === "string") {
      return this.redact(value);
    }
    if (Array.isArray(value)) {
      return value.map((item) => this.redactIn(item, whose));
    }
    if (typeof value === "object" && value !== null && !("toJSON" in value)) {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => {
          const owner = whose?.(key, item);
          return owner === "own" && isText(item)
            ? [key, item]
            : [
                whose === undefined ? this.redact(key) : key,
                this.redactIn(item, owner === "elsewhere" ? undefined : whose),
              ];
        }),
      );
    }
    return value;
  }

  /** The same for what is kept, such as a log: also without what was released. */
  redactForGood(value: unknown, whose?: Whose): unknown {
    return this.redactIn(this.#released === undefined ? value : this.#released.redactIn(value, whose), whose);
  }

  /** Where they are, in order; those that overlap as one. */
  #find(text: string, mayBeCut: boolean): { start: number; end: number }[] {
    const byFirst = (this.#byFirst ??= indexed([...this.#needles.values()].flat()));
    const places: { start: number; end: number }[] = [];
    const open = mayBeCut ? [] : placesOf(text, this.#public);
    for (let start = 0; start < text.length; start += 1) {
      const needles = byFirst.get(text.charAt(start)) ?? [];
      const end = needles.reduce((furthest, needle) => Math.max(furthest, matchAt(text, start, needle, mayBeCut)), -1);
      const before = places.at(-1);
      if (end > start && open.some((name) => name.start <= start && end <= name.end)) {
        continue;
      }
      if (end > start && before !== undefined && start < before.end) {
        before.end = Math.max(before.end, end);
      } else if (end > start) {
        places.push({ start: isEscaped(text, start) ? start - 1 : start, end });
      }
    }
    return places;
  }
}

function isText(value: unknown): boolean {
  return Array.isArray(value) ? value.every((item) => typeof item === "string") : typeof value === "string";
}

/** Where these names stand in a text as they are. */
function placesOf(text: string, names: ReadonlySet<string>): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (const name of names) {
    for (let start = text.indexOf(name); start >= 0; start = text.indexOf(name, start + name.length)) {
      found.push({ start, end: start + name.length });
    }
  }
  return found;
}

const escapeMarks = ["\\", "%", "&"] as const;

function indexed(needles: readonly Needle[]): ReadonlyMap<string, readonly Needle[]> {
  const byFirst = new Map<string, Set<Needle>>();
  for (const needle of needles) {
    const [first = []] = needle.letters;
    for (const mark of [...first.map((form) => form.charAt(0)), ...escapeMarks]) {
      byFirst.set(mark, (byFirst.get(mark) ?? new Set()).add(needle));
    }
  }
  return new Map([...byFirst].map(([mark, set]) => [mark, [...set]]));
}

/** All forms of a secret that are more than a writing of its letters. */
function needlesFor(secret: string): Needle[] {
  const texts = new Set([secret, secret.trim(), secret.normalize("NFC"), secret.normalize("NFD")]);
  const needles = [...texts].filter((text) => text.length >= shortest).map(textNeedle);
  if (secret.length > longest) {
    return needles;
  }
  const bytes = [Buffer.from(secret), ...bytesIn(secret)];
  return [...needles, ...bytes.flatMap((one) => [...base64Needles(one), ...hexNeedles(one)])];
}

/** The bytes of a private key that a secret is: as hex digits, or in multibase with a codec of two bytes. */
function bytesIn(secret: string): Buffer[] {
  const [, digits] = /^(?:0x)?((?:[0-9a-f]{2}){16,})$/i.exec(secret) ?? [];
  if (digits !== undefined) {
    return [Buffer.from(digits, "hex")];
  }
  const [, multibase] = /^z([1-9A-HJ-NP-Za-km-z]{40,60})$/.exec(secret) ?? [];
  const decoded = multibase === undefined ? undefined : decodeBase58(multibase);
  return decoded === undefined ? [] : [Buffer.from(decoded.subarray(2))];
}

function textNeedle(text: string): Needle {
  const letters = Array.from(text, (letter) => (letter === " " ? [" ", "+"] : [letter]));
  return { letters, breaks: false, least: shortest };
}

function hexNeedles(bytes: Buffer): Needle[] {
  const letters = Array.from(bytes.toString("hex"), (digit) => [...new Set([digit, digit.toUpperCase()])]);
  return letters.length < shortestCode ? [] : [{ letters, breaks: false, least: 2 * shortest }];
}

/** What base64 and base64url make of bytes behind none, one or two others. */
function base64Needles(bytes: Buffer): Needle[] {
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    const text = whole.toString("base64url").slice(Math.ceil((before * 8) / 6), Math.floor((whole.length * 8) / 6));
    const letters = Array.from(text, (letter) =>
      letter === "-" ? ["-", "+"] : letter === "_" ? ["_", "/"] : [letter],
    );
    return letters.length < shortestCode ? [] : [{ letters, breaks: true, least: 2 * shortest }];
  });
}

/**
 * Where a needle that begins here ends, at the latest; -1 if it does not. Where the text was cut, its beginning is
 * enough.
 */
function matchAt(text: string, start: number, { letters, breaks, least }: Needle, mayBeCut: boolean): number {
  let ends = new Set([start]);
  let cut = -1;
  for (const [count, forms] of letters.entries()) {
    const next = new Set<number>();
    for (const end of ends) {
      addEnds(text, end, forms, next);
      if (breaks && count > 0) {
        const gap = lineBreak(text, end);
        if (gap > end) {
          addEnds(text, gap, forms, next);
        }
      }
    }
    if (count >= least) {
      cut = Math.max(cut, ...Array.from(ends, (end) => cutEnd(text, end, mayBeCut)));
    }
    if (next.size === 0) {
      return cut;
    }
    ends = next;
  }
  return Math.max(cut, ...ends);
}

/** Where this letter, in any of its writings, ends if it begins at `at`. */
function addEnds(text: string, at: number, forms: readonly string[], ends: Set<number>): void {
  for (const form of forms) {
    if (text.startsWith(form, at)) {
      ends.add(at + form.length);
    }
  }
  const mark = text.charAt(at);
  if (mark === "\\" || mark === "%" || mark === "&") {
    for (const { letter, end } of escapesAt(text, at)) {
      if (forms.includes(letter)) {
        ends.add(end);
      }
    }
  }
}

/** A line that ends within a long code, as it is or escaped. */
function lineBreak(text: string, at: number): number {
  breaks.lastIndex = at;
  return breaks.test(text) ? breaks.lastIndex : at;
}

const breaks = /(?:[\r\n]|\\+[rn]|%0[da]){1,4}/iy;

/**
 * Where the beginning of a secret ends that was cut off at `at`, perhaps within an escape; -1 if the text goes on: with
 * anything but dots or, if it may have been cut without, what a sentence or a quotation ends with.
 */
function cutEnd(text: string, at: number, mayBeCut: boolean): number {
  const cut = mayBeCut ? endOfText : dots;
  cut.lastIndex = at;
  const [, half] = cut.exec(text) ?? [];
  return half === undefined ? -1 : at + half.length;
}

const halfEscape = String.raw`((?:\\+(?:u[0-9a-f]{0,3}|x[0-9a-f]?)?|(?:%[0-9a-f]{0,2}){1,3}|&#?\w{0,7})?)`;
const dots = new RegExp(`${halfEscape}(?:…|\\.\\.\\.)`, "iy");
const endOfText = new RegExp(`${halfEscape}(?:[\\s"'”»)\\]}.…]*$|…|\\.\\.\\.)`, "iy");

/** Whether a backslash before `at` belongs to it. */
function isEscaped(text: string, at: number): boolean {
  let run = 0;
  while (text.charAt(at - 1 - run) === "\\") {
    run += 1;
  }
  return run % 2 === 1;
}

interface Escape {
  readonly letter: string;
  readonly end: number;
}

/** What the escape that begins at `at` may stand for. Escapes may have been escaped again, several times. */
function escapesAt(text: string, at: number): Escape[] {
  const mark = text.charAt(at);
  if (mark === "%") {
    return percentEscapes(text, at);
  }
  return mark === "&" ? entities(text, at) : backslashEscapes(text, at);
}

const shortEscapes: ReadonlyMap<string, string> = new Map(
  Object.entries({ b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }),
);

function backslashEscapes(text: string, at: number): Escape[] {
  let behind = at;
  const found: Escape[] = [];
  while (text.charAt(behind) === "\\") {
    behind += 1;
    found.push({ letter: "\\", end: behind });
  }
  const first = codeUnit(text, behind);
  if (first !== undefined) {
    found.push({ letter: first.letter, end: first.end });
    // A letter beyond the first 65,536 is written as two.
    const [, marks = ""] = /^(\\+)u/.exec(text.slice(first.end, first.end + 16)) ?? [];
    const second = marks === "" ? undefined : codeUnit(text, first.end + marks.length);
    if (second !== undefined) {
      found.push({ letter: first.letter + second.letter, end: second.end });
    }
    if (first.letter === "&") {
      found.push(...entities(text, first.end - 1));
    }
  } else {
    const next = text.charAt(behind);
    found.push({ letter: shortEscapes.get(next) ?? next, end: behind + 1 });
  }
  return found;
}

/** `uXXXX`, `u{X}` or `xXX`. */
function codeUnit(text: string, at: number): Escape | undefined {
  units.lastIndex = at;
  const [all, four, any, two] = units.exec(text) ?? [];
  const code = Number.parseInt(four ?? any ?? two ?? "", 16);
  return all === undefined || code > 0x10ffff
    ? undefined
    : { letter: String.fromCodePoint(code), end: at + all.length };
}

const units = /u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\}|x([0-9a-f]{2})/iy;

function percentEscapes(text: string, at: number): Escape[] {
  const found: Escape[] = [];
  const bytes: number[] = [];
  let end = at;
  while (bytes.length < 4) {
    percent.lastIndex = end;
    const [all, digits, four] = percent.exec(text) ?? [];
    if (all === undefined) {
      break;
    }
    end += all.length;
    if (four !== undefined) {
      return bytes.length === 0 ? [{ letter: String.fromCharCode(Number.parseInt(four, 16)), end }] : found;
    }
    bytes.push(Number.parseInt(digits ?? "", 16));
    if (bytes.length === 1) {
      // `%25` may be the sign itself, or the beginning of what was escaped twice.
      found.push({ letter: String.fromCharCode(bytes[0] ?? 0), end });
      const sign = /^%(?:25)+/.exec(text.slice(at, at + 32))?.[0];
      if (sign !== undefined) {
        found.push({ letter: "%", end: at + sign.length });
      }
    }
    const letter = Buffer.from(bytes).toString("utf8");
    if (letter !== "\ufffd" && Array.from(letter).length === 1) {
      found.push({ letter, end });
    }
  }
  return found;
}

const percent = /%(?:25)*(?:([0-9a-f]{2})|u([0-9a-f]{4}))/iy;

/** The names that HTML has for what stands on a keyboard. */
const names: ReadonlyMap<string, string> = new Map(
  Object.entries({
    amp: "&",
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
    nbsp: "\u00a0",
    Tab: "\t",
    NewLine: "\n",
    excl: "!",
    num: "#",
    dollar: "$",
    percnt: "%",
    lpar: "(",
    rpar: ")",
    ast: "*",
    plus: "+",
    comma: ",",
    period: ".",
    sol: "/",
    colon: ":",
    semi: ";",
    equals: "=",
    quest: "?",
    commat: "@",
    lsqb: "[",
    lbrack: "[",
    bsol: "\\",
    rsqb: "]",
    rbrack: "]",
    Hat: "^",
    lowbar: "_",
    grave: "`",
    lcub: "{",
    lbrace: "{",
    verbar: "|",
    vert: "|",
    rcub: "}",
    rbrace: "}",
  }),
);

/** @param at of the `&`, or of the last letter of what stands for it */
function entities(text: string, at: number): Escape[] {
  const found: Escape[] = [];
  const again = /^.(?:amp;)+/s.exec(text.slice(at, at + 32))?.[0];
  if (again !== undefined) {
    found.push({ letter: "&", end: at + again.length });
  }
  const from = at + (again?.length ?? 1);
  for (const start of new Set([at + 1, from])) {
    entity.lastIndex = start;
    const [all, decimal, hex, name] = entity.exec(text) ?? [];
    if (all !== undefined) {
      const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
      const letter = name === undefined ? (code <= 0x10ffff ? String.fromCodePoint(code) : undefined) : names.get(name);
      if (letter !== undefined) {
        found.push({ letter, end: start + all.length });
      }
    }
  }
  return found;
}

const entity = /#0*(\d{1,7});?|#x0*([0-9a-f]{1,6});?|([A-Za-z]{2,8});/iy;
