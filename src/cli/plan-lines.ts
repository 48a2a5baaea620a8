/** A change of an identity for people: before it is made, and after. */
import type { ChangePlan, ChangeResult } from "../account/change.ts";
import { describeHistory } from "../plc/history.ts";
import { findingLines, type Line } from "./plc-lines.ts";
import { plural } from "./reporters/amounts.ts";
import { identityLines } from "./reporters/lines.ts";

interface PlanFacts extends Pick<ChangePlan, "judgement"> {
  readonly account: Pick<ChangePlan["account"], "did" | "handle">;
}

/** What would change, what speaks against it, and where it would stand. */
export function planLines({ account, judgement }: PlanFacts): Line[] {
  const { did, handle } = account;
  const { differences, findings, place, left } = judgement;
  const { base, nullified, deadline } = place;
  return [
    ["The identity of ", { text: handle ?? did, style: "bold" }, ...(handle === undefined ? [""] : [`, ${did},`])],
    [differences.length === 0 ? "would stay as it is." : "would change like this:"],
    ...identityLines(differences),
    ...(findings.length === 0 ? [] : [[], ...findingLines(findings)]),
    [],
    [{ text: `It follows ${base.cid}, of ${base.createdAt}.`, style: "dim" }],
    ...nullified.map(({ cid, createdAt, signer }): Line => [
      { text: `It nullifies ${cid}, of ${createdAt}, signed by ${signer}.`, style: "yellow" },
    ]),
    deadline === undefined
      ? [{ text: `${plural(left.hour, "operation")} can still be made in this hour.`, style: "dim" }]
      : [{ text: `It can do so until ${new Date(deadline).toISOString()}.`, style: "yellow" }],
  ];
}

/** The same for scripts. */
export function planJson({ account, operation, judgement }: ChangePlan): object {
  const { differences, findings, place, left } = judgement;
  const { base, nullified, keys, deadline } = place;
  return {
    did: account.did,
    handle: account.handle,
    follows: base.cid,
    nullifies: nullified.map(({ cid }) => cid),
    ...(deadline === undefined ? {} : { nullifiableUntil: new Date(deadline).toISOString() }),
    signers: keys,
    operationsLeft: left,
    differences,
    findings,
    operation,
  };
}

/** What the log says about an operation that it has taken. */
export function changeLines(result: ChangeResult, viaDirectory: boolean): Line[] {
  const { entry, nullified } = result;
  const { keys, until } = undoOf(result);
  return [
    [{ text: "The directory has it: ", style: "green" }, entry.cid],
    [`Signed by ${entry.signer}, on ${entry.createdAt}.`],
    ...nullified.map((cid): Line => [`It nullified ${cid}.`]),
    until === undefined
      ? ["No key stands above the one that signed it: nobody can undo it."]
      : [`Until ${until} it can be undone by ${keys.join(" or ")}.`],
    ...(viaDirectory
      ? [["Your server was not told. It and the network notice when they next look at the directory."]]
      : []),
  ];
}

/** The same for scripts. */
export function changeJson(result: ChangeResult): object {
  const { entry, nullified, differences, host } = result;
  const { keys, until } = undoOf(result);
  return {
    cid: entry.cid,
    createdAt: entry.createdAt,
    signer: entry.signer,
    nullified,
    differences,
    submittedTo: host,
    undoKeys: keys,
    ...(until === undefined ? {} : { undoUntil: until }),
  };
}

function undoOf({ entry, log }: ChangeResult): { keys: readonly string[]; until: string | undefined } {
  const item = describeHistory(log).find((other) => other.entry.cid === entry.cid);
  const until = item?.undoUntil;
  return { keys: item?.undoKeys ?? [], until: until === undefined ? undefined : new Date(until).toISOString() };
}
