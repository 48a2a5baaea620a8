/**
 * Where an account is, one file says: account/where.ts. No other compares the server of an identity, and what a journal
 * remembers decides nothing but what is named here.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const src = fileURLToPath(new URL("../../src", import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

/** The server of a document or an operation, on either side of a comparison. */
const server = String.raw`(?:document\.pds|livesAt|(?:homeOf|homeBefore|pdsOf)\([^()]*(?:\([^()]*\))?[^()]*\))`;
const comparison = new RegExp(`${server}\\s*[!=]==(?!\\s*undefined)|[!=]==\\s*${server}`);

/** Who may compare: the one place; the log with its document; and what an operation does to the one before it. */
const mayCompare = new Set([
  "account/where.ts",
  "plc/came-alone.ts",
  "plc/document.ts",
  // Which server an operation is handed to: that is about the operation, not about the account.
  "account/change.ts",
  // A certificate is checked offline, against the log that it holds.
  "migration/certificate.ts",
]);

function finds(text: string): boolean {
  return comparison.test(text);
}

test("no file but account/where.ts compares the server of an identity", () => {
  const found = files.filter((file) => finds(readFileSync(path.join(src, file), "utf8")));
  expect(found.filter((file) => !mayCompare.has(file))).toEqual([]);
});

test.each([
  "identity.document.pds === target",
  "if (target !== homeOf(identity.log)) {",
  "pdsOf(log.head.operation) === source",
  "pdsOf(active[index - 1]?.operation) !== target",
])("would be found: %s", (text) => {
  expect(finds(text)).toBe(true);
});

test.each(["homeOf(log) === undefined", "const home = homeOf(log);", "livesAt(log, origin)"])("is none: %s", (text) => {
  expect(finds(text)).toBe(false);
});

/**
 * File → what of a journal it may use. None of it says where the account is; of where a did:web was, what is remembered
 * is all there is, and it is asked in one place (migration/web/recall.ts).
 */
const mayRemember: Readonly<Record<string, readonly string[]>> = {
  // Whether it was activated, a server that calls every copy active does not show.
  "migration/checks/mere-copy.ts": ["activeCopy"],
  "migration/steps/finish.ts": ["activeCopy"],
  // What a server took that shows nothing of it, and what was agreed to then, nobody else can say.
  "migration/checks/unseen.ts": ["compared", "isUnseen", "lateProof", "unseenImport", "wasShown"],
  "migration/steps/unseen/taken-blobs.ts": ["uploaded"],
  "migration/handle.ts": ["hasNewHandle", "newHandle"],
  "migration/holding.ts": ["compared", "document", "signed"],
  "migration/left-out.ts": ["leftOut"],
  // Which of its keys is the temporary one, no log says.
  "migration/restore/cancel.ts": ["activeCopy", "did", "document", "newHandle", "restore"],
  // Whether a sign-in was seen to work there.
  "migration/sign-in.ts": ["signedIn"],
  "migration/steps/change-identity.ts": ["signed"],
  // Whether a run of this move has deactivated it, and so may take that back.
  "migration/steps/freeze.ts": ["frozen"],
  "migration/steps/late-writes.ts": ["sourceCompared"],
  "migration/steps/preflight.ts": [
    "did",
    "published",
    "seen",
    "signed",
    "signingKeys",
    "source",
    "target",
    "temporaryKeys",
  ],
  // Where the files are that this move has made.
  "migration/steps/run-step.ts": ["document"],
  "migration/steps/temporary-key.ts": ["temporaryKey", "temporaryKeys"],
};

test("what a journal remembers is used for what it is named for", () => {
  const used: Record<string, string[]> = {};
  for (const file of files.filter((name) => name !== "migration/journal.ts")) {
    const text = readFileSync(path.join(src, file), "utf8");
    const direct = [...text.matchAll(/journal\.state\.(\w+)/g)].map((match) => match[1] ?? "");
    const taken = [...text.matchAll(/\{([^{}]*)\} = (?:context\.)?journal\.state;/g)].flatMap((match) =>
      (match[1] ?? "").split(",").map((name) => name.trim().split(":")[0] ?? ""),
    );
    const names = [...new Set([...direct, ...taken])].sort();
    if (names.length > 0) {
      used[file.split(path.sep).join("/")] = names;
    }
  }
  // Undoing writes its own line, and asks only whether there is a journal at all.
  delete used["migration/undo.ts"];
  expect(used).toEqual(mayRemember);
});
