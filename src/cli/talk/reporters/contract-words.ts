/**
 * What of a document of `--json` is decamp's own, and stays as it is although a secret has the same letters: names of
 * fields, and texts that are one of a set. decamp chooses them, so a secret cannot be told by them; and a script cannot
 * read a document without them. All other texts, and everything in what comes whole from elsewhere, lose the secrets.
 * A test holds these names against the tables of docs/JSON.md.
 */
import type { Whose } from "../../../data/known-secrets.ts";

/** Fields with a word of decamp's, in every table that has them. */
export const ownWords: ReadonlySet<string> = wordsOf(
  "about change class code command completeness copy curve failure id identity kind event leads",
  "limit log method mode outcome owner part phase possible purpose rule rules noUndo",
  "severity signature step structure system targetAccount type unit what",
);

/** Fields in which a text may be of elsewhere, too, and the words of decamp's, and of the protocol, that it may be. */
export const maybeWords: Readonly<Record<string, ReadonlySet<string>>> = {
  document: wordsOf("agrees contradicts unavailable unchecked"),
  reason: wordsOf("rate-limit busy"),
  ...sameFor(
    ["state", "sourceState", "targetState", "homeState", "status"],
    wordsOf(
      "start done skipped moved planned stopped ok warning fault submitted",
      "already-there added already-first recovered undone finished activated already-active",
      "repaired in-order put-back same set already-deactivated",
      "at-home not-begun begun frozen copy-active returned return-unfinished switched",
      "switched-empty switched-absent source-active source-unknown elsewhere home-absent",
      "taken-down home-unknown target-unknown",
      "active inactive absent unreachable unknown",
      "ended running killed",
      "takendown suspended deleted deactivated desynchronized throttled",
    ),
  ),
};

/** Fields in which the names, too, are of elsewhere. */
export const ofElsewhere: ReadonlySet<string> = wordsOf(
  "collections operation reasons services settings value verificationMethods",
);

function wordsOf(...lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((line) => line.split(" ")));
}

function sameFor<T>(names: readonly string[], value: T): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, value]));
}

/** Whose a field of a document is. */
export const whoseField: Whose = (field, value) => {
  if (ofElsewhere.has(field)) {
    return "elsewhere";
  }
  const isWord = ownWords.has(field) || (typeof value === "string" && maybeWords[field]?.has(value) === true);
  return isWord ? "own" : "both";
};
