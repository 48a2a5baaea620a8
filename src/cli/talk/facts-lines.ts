/** What a change of an identity means, in plain sentences: they come before its fields. */
import type { ChangeFacts, KeyFact } from "../../plc/change-facts.ts";
import { commandLine } from "../command-line.ts";
import type { Line } from "./terminal.ts";
import type { Complete } from "../next-command.ts";

/** Whose identity it is, and what makes a command for it complete. */
export interface FactsContext {
  readonly did: string;
  readonly handle?: string | undefined;
  readonly complete?: Complete | undefined;
  /** Of a did:web: where its document lies, and the file that is to be published there. */
  readonly document?: { readonly url: string; readonly file: string } | undefined;
}

/**
 * Of an operation that no key of the user's stands above. @param facts say whether one stands first afterwards, if they
 * are known
 */
export function noUndoLine(facts: Pick<ChangeFacts, "keys"> | undefined): Line {
  const isFirst = facts?.keys.some(({ owner, rank }) => owner === "user" && rank === 0) === true;
  return [
    isFirst
      ? "With this your own rotation key stands first, so none of yours is above it: whoever holds it can change the identity again at any time."
      : "It cannot be undone with a rotation key of your own: none is known to stand above the key that signs it.",
  ];
}

/** From which server to which, which handle, whose keys leave, come and stay with which rank, and who can undo it. */
export function factsLines(facts: ChangeFacts, context: FactsContext): Line[] {
  const { document } = context;
  if (document !== undefined) {
    return [
      serverLine(facts, context),
      handleLine(facts),
      ["Its identity is the document at ", document.url, ", which you publish yourself:"],
      ["decamp writes it to ", document.file],
      ["There is no key and no time in which it could be undone, but to publish the old document again."],
    ];
  }
  return [
    serverLine(facts, context),
    handleLine(facts),
    ...facts.keys.map((key) => keyLine(key, facts)),
    ...(facts.keyCount > 1 ? [[whatRankIs]] : []),
    undoLine(facts, context),
  ];
}

const whatRankIs = "Rank 1 is the highest: for 72 hours a key can undo what one below it signs.";

/** The command that undoes an operation with a rotation key. @param operation its CID, where it is made already */
export function undoCommand(
  { did, complete = commandLine }: FactsContext,
  kind: "move" | "other",
  operation: string | undefined,
): string {
  const words =
    kind === "move"
      ? ["plc", "undo", did]
      : ["plc", "recover", did, ...(operation === undefined ? [] : ["--operation", operation])];
  return complete([...words, "--rotation-key-file", "FILE"]);
}

/** What is said of keys that came by themselves and can undo nothing where they stand (`powerlessKeys`). */
export function powerlessLines(keys: readonly string[], { did, complete = commandLine }: FactsContext): Line[] {
  return keys.flatMap((key): Line[] => [
    [
      {
        text: `The rotation key ${key} stands below a key that did not come by itself, such as a server's:`,
        style: "yellow",
      },
    ],
    [`  what is signed by that one, it cannot undo. If it is yours, put it first:`],
    [`  ${complete(["plc", "add-key", did, key])}`],
  ]);
}

function moves({ server }: ChangeFacts): boolean {
  return server.before !== server.after;
}

function serverLine({ server: { before, after } }: ChangeFacts, { did, handle = did }: FactsContext): Line {
  const name = { text: handle, style: "bold" } as const;
  if (before === after) {
    return after === undefined ? [name, " has no server, before and after."] : [name, ` stays at ${after}.`];
  }
  return after === undefined
    ? [name, ` leaves ${before ?? "its server"}, and has no server then.`]
    : [name, ` moves from ${before ?? "no server"} to ${after}.`];
}

function handleLine({ handle: { before, after } }: ChangeFacts): Line {
  if (before === after) {
    return [after === undefined ? "It has no handle, before and after." : `Its handle stays ${after}.`];
  }
  return [after === undefined ? `Its handle ${before ?? ""} goes.` : `Its handle becomes ${after}.`];
}

function keyLine(fact: KeyFact, facts: ChangeFacts): Line {
  const { key, change, rank = 0, rankBefore } = fact;
  const whose = whoseKey(fact, facts);
  if (change === "leaves") {
    return [`${whose} leaves: ${key}${remark(fact, facts)}`];
  }
  const place = `at rank ${rank + 1} of ${facts.keyCount}`;
  const before = rankBefore === undefined || rankBefore === rank ? "" : ` (it was at rank ${rankBefore + 1})`;
  return [`${whose} ${change}, ${place}${before}: ${key}${remark(fact, facts)}`];
}

function whoseKey({ owner }: KeyFact, facts: ChangeFacts): string {
  switch (owner) {
    case "user":
      return "Your own rotation key";
    case "old-server":
      return moves(facts) ? "Your old server's rotation key" : "Your server's rotation key";
    case "new-server":
      return "Your new server's rotation key";
    case "unknown":
      return "A rotation key";
  }
}

/** What is known of a key that nobody names, and what it can do. */
function remark({ owner, cameAlone, outranksServer }: KeyFact, facts: ChangeFacts): string {
  const whose =
    owner !== "unknown"
      ? ""
      : cameAlone === true
        ? ". It once came by itself and not with a server, so it is most likely yours"
        : ". Nobody says whose it is";
  const server = moves(facts) ? "your new server's" : "your server's";
  const power =
    outranksServer !== true || owner === "user"
      ? ""
      : `. It stands above ${server}: whoever holds it can undo what that server signs, and change the identity`;
  return whose === "" && power === "" ? "" : `${whose}${power}.`;
}

function undoLine(facts: ChangeFacts, context: FactsContext): Line {
  const { possible, keys } = facts.undo;
  if (possible === "no") {
    return noUndoLine(facts);
  }
  const command = undoCommand(context, moves(facts) ? "move" : "other", undefined);
  const named = keys.join(" or ");
  if (possible === "depends") {
    return [`Whether ${named} can undo it, within 72 hours, depends on the key that signs it: ${command}`];
  }
  const isKnown = keys.every((key) => facts.keys.some((fact) => fact.key === key && fact.owner === "user"));
  return [`For 72 hours it can be undone with ${named}${isKnown ? "" : ", by whoever holds it"}: ${command}`];
}
