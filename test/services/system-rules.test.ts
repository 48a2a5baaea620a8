/** What holds on Linux, macOS and Windows, each tried here. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { archiveName } from "../../src/archive/layout.ts";
import { showsUnicode } from "../../src/cli/talk/plain/signs.ts";
import { syncFolder } from "../../src/services/disk/files.ts";
import { passingPlace } from "../../src/services/disk/passing-place.ts";
import { createSeenHeads } from "../../src/services/disk/seen-heads.ts";
import { systemRules } from "../../src/services/system-rules.ts";
import { unportable } from "../release/portable-names.ts";

const systems = ["linux", "darwin", "win32"] as const;
const rules = Object.fromEntries(systems.map((system) => [system, systemRules(system)])) as Record<
  (typeof systems)[number],
  ReturnType<typeof systemRules>
>;

test("nobody else asks which system this is", () => {
  const src = fileURLToPath(new URL("../../src", import.meta.url));
  const asking = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
    (file) =>
      file.endsWith(".ts") &&
      /process\.platform|\bplatform\(\)|\bplatform\b[^;]*from "node:os"/.test(
        readFileSync(path.join(src, file), "utf8"),
      ),
  );
  expect(asking).toEqual([path.join("services", "system-rules.ts")]);
});

describe("folders and open files", () => {
  const nowhere = "/nowhere/at/all";
  test.each([
    ["linux", "rejects"],
    ["darwin", "rejects"],
    ["win32", "resolves"],
  ] as const)("%s: syncing a folder that cannot be opened %s", async (system, ends) => {
    const said = await syncFolder(nowhere, rules[system]).then(
      () => "resolves",
      () => "rejects",
    );
    expect(said).toBe(ends);
  });

  test.each([
    ["linux", false],
    ["darwin", false],
    ["win32", true],
  ] as const)("%s: a file that passes through has a name while it is open: %s", (system, named) => {
    const place = passingPlace(rules[system]);
    const folder = path.dirname(place.path);
    expect(existsSync(folder)).toBe(true);
    place.opened();
    expect(existsSync(folder)).toBe(named);
    place.remove();
    expect(existsSync(folder)).toBe(false);
  });

  test("only where devices have numbers they are told apart by them", () => {
    expect(systems.map((system) => rules[system].numbersDevices)).toEqual([true, true, false]);
  });

  test("only where there are owners and permissions they are asked for", () => {
    expect(systems.map((system) => rules[system].hasModes)).toEqual([true, true, false]);
  });
});

describe("signals", () => {
  test("Windows has a key more, and cannot send any", () => {
    const usual = ["SIGINT", "SIGTERM", "SIGHUP"];
    expect(systems.map((system) => rules[system].stopSignals)).toEqual([usual, usual, [...usual, "SIGBREAK"]]);
    expect(systems.map((system) => rules[system].sendsSignals)).toEqual([true, true, false]);
  });

  test("only Linux has /proc", () => {
    expect(systems.map((system) => rules[system].hasProc)).toEqual([true, false, false]);
  });
});

describe("a command to type again", () => {
  const odd = ["a b", "it's", "$(x)", "`x`", "a\nb", '"', "\\", "C:\\my files\\", '\\"', "", "ü", "*", "a;b", "&", "!"];

  test("sh takes each word as it was, on Linux and macOS", () => {
    for (const system of ["linux", "darwin"] as const) {
      const line = odd.map(rules[system].quoted).join(" ");
      const read = execFileSync("sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" }).split("\0");
      expect(read.slice(0, -1)).toEqual(odd);
    }
  });

  test("a program of Windows gets each word as it was", () => {
    const { quoted } = rules.win32;
    const word = fc.string({ unit: fc.constantFrom('"', "\\", " ", "a", "'", "&", "ü") });
    fc.assert(
      fc.property(word, (text) => {
        expect(windowsArgument(quoted(text))).toBe(text);
      }),
    );
    // And PowerShell runs nothing that stands in one.
    expect(quoted("it's $(x) `y`")).toBe("'it''s $(x) `y`'");
    expect(quoted("https://pds.example.org")).toBe("https://pds.example.org");
  });
});

/** What a program finds that was started with this one argument, as the runtime library of Microsoft reads it. */
function windowsArgument(line: string): string {
  let found = "";
  let isQuoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const slashes = /^\\*/.exec(line.slice(at))?.[0].length ?? 0;
    at += slashes;
    const isQuote = line[at] === '"';
    found += "\\".repeat(isQuote ? Math.floor(slashes / 2) : slashes);
    if (at === line.length) {
      break;
    }
    if (!isQuote || slashes % 2 === 1) {
      found += line[at];
    } else if (isQuoted && line[at + 1] === '"') {
      found += '"';
      at += 1;
    } else {
      isQuoted = !isQuoted;
    }
  }
  return found;
}

describe("names of files", () => {
  test("what Windows keeps for devices, with any ending and in any case", () => {
    const devices = ["con", "NUL", "aux.bsky.social", "com1.example", "Lpt9", "conin$"];
    const others = ["cone", "com", "com10.example", "a.con", "_con"];
    expect(devices.filter(rules.win32.isReserved)).toEqual(devices);
    expect(others.filter(rules.win32.isReserved)).toEqual([]);
    expect(
      [...devices, ...others].filter((name) => rules.linux.isReserved(name) || rules.darwin.isReserved(name)),
    ).toEqual([]);
  });

  test("what is called after an account has a name that every system takes, and no other account's", () => {
    const plc = fc.string({
      unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz234567".split("")),
      minLength: 24,
      maxLength: 24,
    });
    const label = fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,20}[a-z0-9])?$/);
    const did = fc.oneof(
      plc.map((id) => `did:plc:${id}`),
      fc.tuple(fc.constantFrom("con", "nul", "a"), label).map(([first, second]) => `did:web:${first}.${second}`),
      fc.nat(65535).map((port) => `did:web:localhost%3A${port}`),
    );
    // A host has up to 253 letters, of which those at the end may be all that differs.
    const long = fc.tuple(fc.integer({ min: 190, max: 250 }), label).map(([letters, last]) => {
      const host = `${"a.".repeat(125).slice(0, letters)}a.${last}`;
      return `did:web:${host.slice(0, 253).replace(/[.-]$/, "a")}`;
    });
    const heads = createSeenHeads("state");
    const named = [archiveName, (one: string): string => path.basename(heads.place(one))];
    fc.assert(
      fc.property(long, long, (one, other) => {
        expect(unportable([archiveName(one)])).toEqual([]);
        expect(one === other || archiveName(one) !== archiveName(other)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(did, did, (one, other) => {
        for (const name of named) {
          expect(unportable([name(one)])).toEqual([]);
          expect(one === other || name(one).toLowerCase() !== name(other).toLowerCase()).toBe(true);
        }
      }),
    );
  });

  test("the check itself sees what one of the systems does not take", () => {
    const odd = ["a:b", "a?", "a.", "a ", "nul.car", "a\u0001", "ü", "x".repeat(256), "Big", "big", "good.car"];
    expect(unportable(odd)).toEqual(odd.slice(0, -1));
  });
});

test.each<[(typeof systems)[number], NodeJS.ProcessEnv, boolean]>([
  ["linux", { LANG: "de_DE.UTF-8" }, true],
  ["linux", { LANG: "C" }, false],
  ["linux", { TERM: "linux" }, false],
  ["darwin", { LC_ALL: "en_US.UTF-8" }, true],
  ["win32", { LANG: "de_DE.UTF-8" }, false],
  ["win32", { WT_SESSION: "1" }, true],
])("%s with %j shows more than ASCII: %s", (system, env, shown) => {
  expect(showsUnicode(env, system)).toBe(shown);
});
