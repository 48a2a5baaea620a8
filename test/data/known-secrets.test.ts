/** Secrets are found in whatever form a server repeats them, and nothing else is taken for one. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KnownSecrets } from "../../src/data/known-secrets.ts";
import { parsePrivateKey } from "../../src/identity/private-key.ts";

/** Letters that some encoding treats in a way of its own, and some that none does. */
const letter = fc.constantFrom(...Array.from("aZ09 +-_/\\\"'%&<>;#=?.,:{}[]$!~^`@\t\nüßé€😀𝄞नि"));
const secret = fc.array(letter, { minLength: 8, maxLength: 40 }).map((letters) => letters.join(""));

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");
const units = (text: string): string[] => Array.from({ length: text.length }, (_, index) => text.charAt(index));
const entityNames: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
/** JSON with every letter that is not in `plain` as an escape. */
const escaped = (text: string, plain: RegExp): string =>
  units(text)
    .map((unit) => (plain.test(unit) ? inJson(unit) : `\\u${hex(unit.charCodeAt(0), 4)}`))
    .join("");
const lower = (text: string): string => text.replaceAll(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase());
const percent = (text: string): string => Array.from(Buffer.from(text), (byte) => `%${hex(byte, 2)}`).join("");

/** What servers, and the tools that they are made of, do to a text. */
const encodings: Record<string, (text: string) => string> = {
  "as it is": (text) => text,
  JSON: inJson,
  "JSON in JSON": (text) => inJson(inJson(text)),
  "JSON in ASCII": (text) => escaped(text, /[ -~]/),
  "JSON as Go writes it": (text) => inJson(text).replaceAll(/[&<>]/g, (one) => `\\u${hex(one.charCodeAt(0), 4)}`),
  "JSON, all escaped": (text) => escaped(text, /^$/),
  "JSON, all escaped, in capitals": (text) =>
    escaped(text, /^$/).replaceAll(/u[0-9a-f]{4}/g, (one) => `u${one.slice(1).toUpperCase()}`),
  "part of a URL": encodeURIComponent,
  "part of a URL, in small letters": (text) => lower(encodeURIComponent(text)),
  "part of a URL, twice": (text) => encodeURIComponent(encodeURIComponent(text)),
  "every byte of a URL": percent,
  "a form": (text) => new URLSearchParams({ a: text }).toString().slice(2),
  HTML: (text) => text.replaceAll(/[&<>"']/g, (one) => entityNames[one] ?? ""),
  "HTML in decimals": (text) => Array.from(text, (one) => `&#${one.codePointAt(0)};`).join(""),
  "HTML in hex": (text) => Array.from(text, (one) => `&#x${hex(one.codePointAt(0) ?? 0, 2)};`).join(""),
  "HTML in JSON": (text) => inJson(text.replaceAll(/[&<>"']/g, (one) => entityNames[one] ?? "")),
  "a URL in HTML": (text) => encodeURIComponent(text).replaceAll(/[&<>"']/g, (one) => entityNames[one] ?? ""),
  "decomposed letters": (text) => text.normalize("NFD"),
};

/** Every letter in one of its forms. */
const mixed = (text: string, pick: readonly number[]): string =>
  Array.from(text, (one, index) => {
    const forms = [one, inJson(one), escaped(one, /^$/), percent(one), `&#${one.codePointAt(0)};`];
    return forms[(pick[index % pick.length] ?? 0) % forms.length] ?? one;
  }).join("");

const seed = { seed: 20_261_129 };

describe("a secret is taken out", () => {
  test.each(Object.entries(encodings))("as %s", (_name, encode) => {
    fc.assert(
      fc.property(secret, (text) => {
        const secrets = new KnownSecrets().add(text);
        expect(secrets.redact(`It was (${encode(text)}), was it?`)).toBe("It was ([secret]), was it?");
      }),
      { ...seed, numRuns: 60 },
    );
  });

  test("with every letter in a form of its own", () => {
    fc.assert(
      fc.property(secret, fc.array(fc.nat(4), { minLength: 1, maxLength: 40 }), (text, pick) => {
        const secrets = new KnownSecrets().add(text);
        expect(secrets.redact(`It was (${mixed(text, pick)}), was it?`)).toBe("It was ([secret]), was it?");
      }),
      { ...seed, numRuns: 300 },
    );
  });

  test("in base64 and hex, whatever stands before and behind it", () => {
    const forms = ["base64", "base64url", "hex"] as const;
    fc.assert(
      fc.property(
        secret,
        fc.string({ maxLength: 9 }),
        fc.constantFrom(...forms),
        fc.boolean(),
        (text, before, form, broken) => {
          const bytes = Buffer.concat([Buffer.from(before), Buffer.from(text), Buffer.from("behind")]);
          const whole = form === "hex" ? bytes.toString(form).toUpperCase() : bytes.toString(form);
          const said = broken && form !== "hex" ? whole.replaceAll(/.{19}/g, "$&\n") : whole;
          const shown = new KnownSecrets().add(text).redact(said);
          expect(shown).toContain("[secret]");
          // What is left of it says less than three of its letters.
          const left = shown
            .split("[secret]")
            .map((part) => Buffer.from(part.replaceAll("\n", ""), form).toString("latin1"));
          const three = Buffer.from(text).subarray(2, 5).toString("latin1");
          expect(before.includes(three) || "behind".includes(three) || !left.join("|").includes(three)).toBe(true);
        },
      ),
      { ...seed, numRuns: 200 },
    );
  });

  test("where it was cut off, also within an escape", () => {
    const cuttable = [inJson, encodeURIComponent, (text: string) => escaped(text, /^$/)];
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z"%&ü]{10,20}$/),
        fc.constantFrom(...cuttable),
        fc.nat(100),
        (text, encode, part) => {
          const whole = encode(text);
          const enough = encode(Array.from(text).slice(0, 4).join("")).length;
          const cut = whole.slice(0, enough + Math.floor((part / 100) * (whole.length - enough)));
          const secrets = new KnownSecrets().add(text);
          for (const end of ["", "…", "...", '"', ".", '".']) {
            // What the sentence ends with may be a letter of the secret.
            expect(secrets.redact(`It was ${cut}${end}`, true)).toMatch(/^It was \[secret\][".…]*$/);
          }
          expect(secrets.redact(`It was ${cut}… was it?`)).toBe("It was [secret]… was it?");
        },
      ),
      { ...seed, numRuns: 200 },
    );
  });

  test("a private key in every form that has its number", () => {
    const digits = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    const scalar = Buffer.from(digits, "hex");
    const der = Buffer.concat([Buffer.from("302e0201010420", "hex"), scalar, Buffer.from("a00706052b8104000a", "hex")]);
    const forms = [
      digits,
      digits.toUpperCase(),
      `0x${digits}`,
      scalar.toString("base64"),
      scalar.toString("base64url"),
      der.toString("base64"),
    ];
    const key = parsePrivateKey(digits);
    for (const given of [digits, key.reveal()]) {
      const secrets = new KnownSecrets().add(given).add(key.reveal());
      for (const form of [...forms, key.reveal()]) {
        expect(secrets.redact(`key: ${form};`)).toMatch(/^key: .{0,12}\[secret\].{0,14};$/);
      }
      expect(secrets.redact(key.didKey)).toBe(key.didKey);
    }
  });

  test("the longer of two goes first, and those that overlap go together", () => {
    const secrets = new KnownSecrets().add("password").add("password1").add("sword12");
    expect(secrets.redact("password1 password")).toBe("[secret] [secret]");
    expect(secrets.redact("password123")).toBe("[secret]3");
  });
});

describe("what is no secret stays", () => {
  test("any text without one", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-m]{8,20}$/),
        fc.stringMatching(/^[n-zA-Z0-9%&\\;#".… ]{0,200}$/),
        (text, other) => {
          expect(new KnownSecrets().add(text).redact(other, true)).toBe(other);
        },
      ),
      { ...seed, numRuns: 300 },
    );
  });

  test("very short ones, the beginning of one in the middle of a text, and one that somebody asked to see", () => {
    const secrets = new KnownSecrets().add("abc").add("password1").add(" password1\t");
    expect(secrets.redact("abc, and the password is wrong", true)).toBe("abc, and the password is wrong");
    secrets.release("password1");
    expect(secrets.redact("password1")).toBe("password1");
  });

  test("a name that was allowed, before or later; but not in a text that a server may have cut", () => {
    const secrets = new KnownSecrets().add("carol.b.test").add("carol").add("is carol.b");
    secrets.allow("carol.b.test");
    expect(secrets.redact("at://carol.b.test, carol.b.test")).toBe("at://carol.b.test, carol.b.test");
    expect(secrets.redactIn({ handle: "carol.b.test" })).toEqual({ handle: "carol.b.test" });
    expect(secrets.redact("carol, is carol.b")).toBe("[secret], [secret]");
    expect(secrets.redact("carol.b.test", true)).toBe("[secret]");
  });

  test("JSON stays JSON: every text in it is searched, its numbers are not", () => {
    const secrets = new KnownSecrets().add("nabcdef").add("12345678");
    const value = { a: ["x nabcdef", { nabcdef: "\nabcdef", n: 12_345_678, none: null }] };
    expect(secrets.redactIn(value)).toEqual({
      a: ["x [secret]", { "[secret]": "\nabcdef", n: 12_345_678, none: null }],
    });
    expect(JSON.parse(secrets.redact(JSON.stringify({ a: "\nabcdef" })))).toEqual({ a: "[secret]" });
  });
});
