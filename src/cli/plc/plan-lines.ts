/** A change of an identity for people: before it is made, and after. */
import type { ChangePlan, ChangeResult } from "../../account/change.ts";
import { isMove } from "../../plc/came-alone.ts";
import { contentOf } from "../../plc/operation.ts";
import { factsLines, noUndoLine, undoCommand } from "../talk/facts-lines.ts";
import { findingLines, type Line } from "./plc-lines.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { identityLines } from "../talk/reporters/lines.ts";
import type { Complete } from "../next-command.ts";

interface PlanFacts extends Pick<ChangePlan, "judgement"> {
  readonly account: Pick<ChangePlan["account"], "did" | "handle">;
}

/**
 * What it means, what would change, what speaks against it, and where it would stand. @param complete makes a command
 * complete
 */
export function planLines({ account, judgement }: PlanFacts, complete: Complete): Line[] {
  const { did, handle } = account;
  const { differences, facts, findings, place, left } = judgement;
  const { base, nullified, deadline } = place;
  const wasGivenUp = nullified.some(({ operation }) => contentOf(operation) === undefined);
  const outcome = wasGivenUp ? "would be alive again, as it was before it was given up" : "would stay as it is";
  return [
    ...(differences.length === 0 ? [] : [...factsLines(facts, { did, handle, complete }), []]),
    ["The identity of ", { text: handle ?? did, style: "bold" }, ...(handle === undefined ? [""] : [`, ${did},`])],
    [differences.length === 0 ? `${outcome}.` : "would change like this:"],
    ...identityLines(differences),
    ...(findings.length === 0 ? [] : [[], ...findingLines(findings)]),
    [],
    [{ text: `It comes after the change of ${base.createdAt}: ${base.cid}`, style: "dim" }],
    ...nullified.map(({ cid, createdAt, signer }): Line => [
      { text: `It takes back the change of ${createdAt}, which ${signer} signed: ${cid}`, style: "yellow" },
    ]),
    deadline === undefined
      ? [{ text: `The directory takes ${plural(left.hour, "more change")} of it in this hour.`, style: "dim" }]
      : [{ text: `It can do so until ${new Date(deadline).toISOString()}.`, style: "yellow" }],
  ];
}

/** The same for scripts. */
export function planJson({ account, operation, judgement }: ChangePlan): object {
  const { differences, facts, findings, place, left } = judgement;
  const { base, nullified, keys, deadline } = place;
  return {
    did: account.did,
    handle: account.handle,
    follows: base.cid,
    nullifies: nullified.map(({ cid }) => cid),
    ...(deadline === undefined ? {} : { nullifiableUntil: new Date(deadline).toISOString() }),
    signers: keys,
    operationsLeft: left,
    facts,
    differences,
    findings,
    operation,
  };
}

/** What the log says about an operation that it has taken. @param complete makes a command complete */
export function changeLines(result: ChangeResult, viaDirectory: boolean, complete: Complete): Line[] {
  const { entry, nullified, undoKeys, recoverableUntil: until, log, facts } = result;
  return [
    [{ text: "The directory has it: ", style: "green" }, entry.cid],
    [`Signed by ${entry.signer}, on ${entry.createdAt}.`],
    ...nullified.map((cid): Line => [`It took back an earlier change: ${cid}`]),
    until === undefined
      ? noUndoLine(facts)
      : [
          `Until ${until} it can be undone with ${undoKeys.join(" or ")}: ${undoCommand({ did: log.did, complete }, isMove(log, entry) ? "move" : "other", entry.cid)}`,
        ],
    ...(viaDirectory
      ? [["Your server was not told. It and the network notice when they next look at the directory."]]
      : []),
  ];
}

/** The same for scripts. */
export function changeJson(result: ChangeResult): object {
  const { entry, nullified, differences, facts, host, undoKeys, recoverableUntil: until } = result;
  return {
    cid: entry.cid,
    createdAt: entry.createdAt,
    signer: entry.signer,
    nullified,
    ...(facts === undefined ? {} : { facts }),
    differences,
    submittedTo: host,
    undoKeys,
    ...(until === undefined ? {} : { undoUntil: until }),
  };
}
