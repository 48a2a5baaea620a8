/** `decamp plc diff`: what a change would do, before anybody makes it. */
import type { ChangePlan } from "../../account/change.ts";
import { timeAtDirectory } from "../../account/directory-time.ts";
import { readAccount, type AccountLog } from "../../account/find.ts";
import { ownCredentials, planMove, requireNoDoubt, type PlannedMove } from "../../account/plan-move.ts";
import { signIn } from "../../account/sign-in.ts";
import { isJsonObject } from "../../data/json-object.ts";
import { DecampError, exitCodeOf } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { OperationFinding } from "../../plc/check.ts";
import { editOperation, type IdentityEdit } from "../../plc/edit.ts";
import { judgeOperation, type Intent } from "../../plc/judge.ts";
import { contentOf, parseSignedOperation, parseUnsignedOperation, pdsOf } from "../../plc/operation.ts";
import type { UnsignedOperation } from "../../plc/operation.ts";
import { writeOutput } from "../../services/disk/output-file.ts";
import type { PlcDiffFlags } from "./declare-change.ts";
import { requireDidKey } from "../did-key.ts";
import { talkIdentity, type IdentityTalk } from "./identity-talk.ts";
import type { Edge, Invocation } from "../command.ts";
import { operationText, readOperationInput } from "../inputs/operation-input.ts";
import { planJson, planLines } from "./plan-lines.ts";
import type { Terminal } from "../talk/terminal.ts";

const refusedExit = exitCodeOf("refused");

/** Runs `decamp plc diff`. Exit code 9 if the change must not be made. */
export async function plcDiffCommand(invocation: Invocation<PlcDiffFlags>, edge: Edge): Promise<number> {
  const { args, flags } = invocation;
  const { terminal } = edge;
  const [name = ""] = args;
  checkFlags(flags);
  return talkIdentity(invocation, flags, edge, async (talk) => {
    const { parts, from } = talk;
    const account = await readAccount(parts.services, name, { from }, parts.signal);
    const { operation, intent, findings = [] } = await planned(account, flags, talk, terminal);
    const judged = judgeOperation(account.log, operation, intent, timeAtDirectory(parts.services));
    const judgement = { ...judged, findings: withoutDoubles([...findings, ...judged.findings]) };
    return report({ account, operation, judgement }, flags.output, talk, terminal);
  });
}

async function report(
  plan: ChangePlan,
  output: string | undefined,
  { globals, complete }: IdentityTalk,
  terminal: Terminal,
): Promise<number> {
  const ok = !plan.judgement.findings.some(({ severity }) => severity === "error");
  if (globals.json) {
    terminal.out.json({ type: "result", version: 1, command: "plc diff", ok, ...planJson(plan) });
  } else if (!globals.quiet || output === undefined || !ok) {
    const channel = output === "-" ? terminal.err : terminal.out;
    for (const line of planLines(plan, complete)) {
      channel.line(...line);
    }
  }
  if (output !== undefined && ok) {
    if (output === "-") {
      terminal.out.jsonText(operationText(plan.operation));
    } else {
      await writeOutput(output, operationText(plan.operation));
    }
  }
  return ok ? 0 : refusedExit;
}

/** @throws DecampError `usage` for flags that contradict each other, or for keys that are none, before anybody is asked */
function checkFlags({ to, operation, output, ...flags }: PlcDiffFlags): void {
  const edits = [flags.addRotationKey, flags.removeRotationKey, flags.handle, flags.pds, flags.signingKey];
  const ways = [to, operation, edits.find((edit) => edit !== undefined)].filter((way) => way !== undefined);
  if (ways.length > 1) {
    throw new DecampError("usage", "--to, --operation and single changes exclude each other.", {
      hint: "Write the operation to a file with -o, edit it, and look at it with --operation.",
    });
  }
  const { addRotationKey = [], removeRotationKey = [], signingKey = [] } = flags;
  [addRotationKey, removeRotationKey, signingKey].flat().forEach(requireDidKey);
  if (output === "-" && operation === "-") {
    throw new DecampError("usage", "An operation from the standard input is not written out again.");
  }
}

interface Planned {
  readonly operation: UnsignedOperation;
  readonly intent: Intent;
  /** What speaks against it already. */
  readonly findings?: readonly OperationFinding[];
}

/** A move is judged against what the servers say, and then against the log: what both find is said once, the worse first. */
function withoutDoubles(findings: readonly OperationFinding[]): OperationFinding[] {
  return findings.filter((finding, index) => {
    const first = findings.findIndex(({ rule, message }) => rule === finding.rule && message === finding.message);
    return first === index;
  });
}

async function planned(
  account: AccountLog,
  flags: PlcDiffFlags,
  talk: IdentityTalk,
  terminal: Terminal,
): Promise<Planned> {
  if (flags.to !== undefined) {
    const accepted = (flags.acceptKey ?? []).map(requireDidKey);
    return plannedMove(account, parseServerUrl(flags.to, talk.globals), accepted, talk);
  }
  if (flags.operation !== undefined) {
    const value = await readOperationInput(flags.operation, terminal, talk.parts.signal);
    return { operation: readOperation(value), intent: { byHand: true } };
  }
  const { handle, pds } = flags;
  const addRotationKey = (flags.addRotationKey ?? []).map(requireDidKey);
  const removeRotationKey = (flags.removeRotationKey ?? []).map(requireDidKey);
  const signingKey = flags.signingKey === undefined ? undefined : requireDidKey(flags.signingKey);
  const origin = pds === undefined ? undefined : parseServerUrl(pds, talk.globals);
  const edit: IdentityEdit = {
    addRotationKeys: addRotationKey,
    removeRotationKeys: removeRotationKey,
    ...(handle === undefined ? {} : { handle }),
    ...(origin === undefined ? {} : { pds: origin }),
    ...(signingKey === undefined ? {} : { signingKey }),
  };
  return {
    operation: editOperation(account.log.head, edit),
    intent: {
      expectedKeys: addRotationKey,
      leavingKeys: removeRotationKey,
      ...(handle === undefined ? {} : { handle }),
      ...(origin === undefined ? {} : { endpoint: origin }),
      ...(signingKey === undefined ? {} : { signingKey }),
    },
  };
}

/** A signed one is looked at like one that is not. */
function readOperation(value: unknown): UnsignedOperation {
  if (!isJsonObject(value) || value["sig"] === undefined) {
    return parseUnsignedOperation(value);
  }
  const content = contentOf(parseSignedOperation(value));
  if (content === undefined) {
    throw new DecampError("unsupported", "This is a tombstone: it ends the identity for good.");
  }
  return content;
}

/** Both servers have to say which keys are theirs, and do so only to the account itself. */
async function plannedMove(
  account: AccountLog,
  target: string,
  accepted: readonly string[],
  { parts, globals }: IdentityTalk,
): Promise<PlannedMove> {
  const { services, answers, signal } = parts;
  const source = pdsOf(account.log.head.operation);
  if (source === target || source === undefined) {
    throw new DecampError("same-server", `The identity names ${source ?? "no server"} already.`);
  }
  const old = services.openPds(parseServerUrl(source, globals));
  const next = services.openPds(target);
  try {
    await signIn(old, account, answers, "sourcePassword", signal);
    const own = await ownCredentials(old, signal);
    requireNoDoubt(account.log, old.host, own?.rotationKeys, { accepted });
    await signIn(next, account, answers, "targetPassword", signal);
    return await planMove(account, next, own?.rotationKeys ?? [], undefined, signal, { accepted });
  } finally {
    await Promise.all([old.signOut(), next.signOut()]);
  }
}
