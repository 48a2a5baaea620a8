/** What the official test files say of names (fixtures/interop). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isDid, isHandle, parseAccount } from "../../src/identity/names.ts";
import { encodeCbor } from "../../src/data/cbor.ts";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import { parseCommit } from "../../src/repo/commit.ts";
import { timeOfRev } from "../../src/repo/head.ts";
import { defaultLimits } from "../../src/repo/limits.ts";
import { isNsid, isRecordKey } from "../../src/repo/path.ts";
import { parseRecordAddress } from "../../src/repo/record-address.ts";
import { Findings } from "../../src/repo/report.ts";

/** The lines of a file that are neither empty nor comments; white space is part of the name. */
function lines(name: string): string[] {
  const text = readFileSync(new URL(`../../fixtures/interop/syntax/${name}.txt`, import.meta.url), "utf8");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("# "));
}

/** Whether the reading of a commit takes these for its DID and revision. */
function takesInCommit(fields: { did: string; rev: string }): boolean {
  const data = new CidLink(cidFor("dag-cbor", Uint8Array.of(1)));
  const bytes = encodeCbor({ ...fields, version: 3, data, prev: null, sig: new Uint8Array(64) });
  const findings = new Findings(defaultLimits);
  parseCommit(bytes, cidFor("dag-cbor", bytes), findings);
  return findings.list.length === 0;
}

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const rev = "3jzfcijpj2z2a";

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  nsid: isNsid,
  recordkey: isRecordKey,
  tid: (text) => takesInCommit({ did, rev: text }),
  // Handles are put in lower case where they come in.
  handle: (text) => isHandle(text.toLowerCase()),
  did: (text) => isDid(text) && takesInCommit({ did: text, rev }),
};

describe.each(Object.entries(checks))("%s", (name, isGood) => {
  test("all that are valid are taken", () => {
    const valid = lines(`${name}_syntax_valid`);
    expect(valid.length).toBeGreaterThan(3);
    expect(valid.filter((text) => !isGood(text))).toEqual([]);
  });

  test("none that is invalid is taken", () => {
    const invalid = lines(`${name}_syntax_invalid`);
    expect(invalid.length).toBeGreaterThan(5);
    expect(invalid.filter((text) => isGood(text))).toEqual([]);
  });
});

test("revisions that are TIDs have a time", () => {
  expect(lines("tid_syntax_valid").filter((text) => timeOfRev(text) === undefined)).toEqual([]);
});

test("handles in any case are read as accounts", () => {
  const odd = lines("handle_syntax_valid").filter((text) => parseAccount(text).type !== "handle");
  expect(odd).toEqual([]);
});

/** Whether this is taken for the address of a record. */
function taken(text: string): boolean {
  try {
    return parseRecordAddress(text).authority !== undefined;
  } catch {
    return false;
  }
}

describe("at:// addresses of records", () => {
  test("those that lead to a record are taken", () => {
    const records = lines("aturi_syntax_valid").filter((text) => text.split("/").length === 5);
    expect(records.length).toBeGreaterThan(10);
    expect(records.filter((text) => !taken(text))).toEqual([]);
  });

  test("those that do not are not", () => {
    const others = lines("aturi_syntax_valid").filter((text) => text.split("/").length < 5);
    expect([...others, ...lines("aturi_syntax_invalid")].filter((text) => taken(text))).toEqual([]);
  });
});
