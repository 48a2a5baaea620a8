/** What people read about an identity: its state, its history, a change that is planned. */
import type { AuditFinding } from "../../plc/audit.ts";
import type { OperationFinding } from "../../plc/check.ts";
import { isMove } from "../../plc/came-alone.ts";
import { undoPower, type HistoryEntry } from "../../plc/history.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { contentOf, type SignedOperation, type UnsignedOperation } from "../../plc/operation.ts";
import { undoCommand } from "../talk/facts-lines.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { identityLines } from "../talk/reporters/lines.ts";
import type { Piece } from "../talk/terminal.ts";
import type { Complete } from "../next-command.ts";

export type Line = readonly Piece[];

/** What an operation says, field by field. */
export function contentLines(operation: SignedOperation | UnsignedOperation): Line[] {
  const content = contentOf(operation);
  if (content === undefined) {
    return [["Ended         ", { text: "a tombstone: this identity was given up", style: "red" }]];
  }
  const { rotationKeys, verificationMethods, alsoKnownAs, services } = content;
  return [
    ...column("Aliases", alsoKnownAs),
    ...column(
      "Services",
      Object.entries(services).map(([id, { type, endpoint }]) => `${id}  ${endpoint}  ${type}`),
    ),
    ...column(
      "Signing keys",
      Object.entries(verificationMethods).map(([id, key]) => `${id}  ${key}`),
    ),
    ...column(
      "Rotation keys",
      rotationKeys.map((key, index) => `${index + 1}. ${key}`),
    ),
  ];
}

function column(title: string, values: readonly string[]): Line[] {
  return (values.length === 0 ? ["none"] : values).map((value, index) => [
    (index === 0 ? title : "").padEnd(14),
    value,
  ]);
}

/**
 * One operation of a history.
 *
 * @param number from 1
 * @param now epoch milliseconds
 * @param complete makes a command complete
 */
export function historyLines(
  item: HistoryEntry,
  number: number,
  { log, now, complete }: { log: VerifiedLog; now: number; complete: Complete },
): Line[] {
  const { entry, kind, changes, signerRank, nullifies, nullifiedBy } = item;
  const lost = nullifiedBy !== undefined;
  return [
    [
      { text: `${number}. ${entry.createdAt}  ${kind}`, style: lost ? "dim" : "bold" },
      ...(lost ? ["  ", { text: "nullified", style: "yellow" } as const] : []),
    ],
    [{ text: `   ${entry.cid}`, style: "dim" }],
    [`   signed by ${entry.signer}, rotation key ${signerRank + 1}`],
    ...identityLines(changes, "   "),
    ...nullifies.map((cid): Line => [{ text: `   nullifies ${cid}`, style: "yellow" }]),
    ...(lost
      ? [[{ text: `   nullified by ${nullifiedBy}`, style: "yellow" } as const]]
      : undoLines(item, log, now, complete)),
    [],
  ];
}

/** Who can still undo it: those that are not a server's, with the command; and the others, which can do so too. */
function undoLines(
  { entry, undoKeys, undoUntil }: HistoryEntry,
  log: VerifiedLog,
  now: number,
  complete: Complete,
): Line[] {
  if (undoUntil === undefined || undoUntil < now) {
    return [];
  }
  const until = new Date(undoUntil).toISOString();
  const keys = undoPower(log, entry.cid)?.keys ?? [];
  const others = undoKeys.filter((key) => !keys.includes(key));
  const command = undoCommand({ did: log.did, complete }, isMove(log, entry) ? "move" : "other", entry.cid);
  return [
    ...(keys.length === 0
      ? []
      : [[{ text: `   can be undone until ${until} by ${keys.join(" or ")}: ${command}`, style: "cyan" } as const]]),
    ...others.map((key): Line => [
      {
        text: `   until ${until} it can also be undone with ${key}, which left together with the server`,
        style: "yellow",
      },
    ]),
  ];
}

/** What is wrong, or odd. */
export function findingLines(findings: readonly (AuditFinding | OperationFinding)[]): Line[] {
  return findings.map((finding) => {
    const { severity, rule, message } = finding;
    return [{ text: severity.padEnd(8), style: severity === "error" ? "red" : "yellow" }, `${rule}  ${message}`];
  });
}

/** "4 operations, 1 of them nullified". */
export function countLine(total: number, nullified: number): string {
  return `${plural(total, "operation")}${nullified === 0 ? "" : `, ${nullified} of them nullified`}`;
}
