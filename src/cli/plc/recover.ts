/** `decamp plc recover`: undoes an operation that was not wanted. */
import { clocksApart, timeAtDirectory } from "../../account/directory-time.ts";
import { requireNoErrors } from "../../account/plan-move.ts";
import { readAccount, type AccountLog } from "../../account/find.ts";
import { planAccountRecovery, recoverAccount, type RecoveryPlan } from "../../account/recover.ts";
import type { Signer } from "../../account/sign-by-key.ts";
import { DecampError } from "../../errors.ts";
import { rotationKeysOf } from "../../plc/operation.ts";
import { writeOutput } from "../../services/disk/output/output-file.ts";
import type { PlcRecoverFlags } from "./declare-change.ts";
import { requireDidKey } from "../did-key.ts";
import { talkIdentity, type IdentityTalk } from "./identity-talk.ts";
import type { Edge, Invocation } from "../command.ts";
import { operationText } from "../inputs/operation-input.ts";
import { changeJson, changeLines, planJson, planLines } from "./plan-lines.ts";
import { tellDocument, type Terminal } from "../talk/terminal.ts";

/** Runs `decamp plc recover`. */
export async function plcRecoverCommand(invocation: Invocation<PlcRecoverFlags>, edge: Edge): Promise<number> {
  const { args, flags } = invocation;
  const { terminal } = edge;
  const [name = ""] = args;
  const { via = "directory", operation: unwanted } = flags;
  const dropKeys = flags.dropKey?.map(requireDidKey);
  const publicKeys = flags.heldKey?.map(requireDidKey);
  if ((publicKeys === undefined) !== (flags.output === undefined)) {
    throw new DecampError("usage", "--held-key and --output belong together.", {
      hint: "They plan an operation for a key whose private part is elsewhere. Without them it is signed and submitted here.",
    });
  }
  return talkIdentity(invocation, flags, edge, async (talk) => {
    const { parts, from } = talk;
    const { services, signal } = parts;
    const account = await readAccount(services, name, { from, anyState: true }, signal);
    const signer = publicKeys === undefined ? await talk.openSigner(everyKey(account)) : undefined;
    const heldKeys = signer === undefined ? (publicKeys ?? []) : [signer.didKey];
    const wish = { unwanted, heldKeys, dropKeys };
    const plan = planAccountRecovery(account, wish, timeAtDirectory(services), clocksApart(services));
    return signer === undefined ? write(plan, flags, talk, terminal) : carryOut(plan, signer, via, talk, terminal);
  });
}

async function write(
  plan: RecoveryPlan,
  { output = "-" }: PlcRecoverFlags,
  { globals, complete }: IdentityTalk,
  terminal: Terminal,
): Promise<number> {
  requireNoErrors(plan.judgement.findings);
  if (globals.json) {
    terminal.out.json({ type: "result", version: 1, command: "plc recover", state: "planned", ...planJson(plan) });
  } else if (!globals.quiet) {
    const channel = output === "-" ? terminal.err : terminal.out;
    for (const line of [...planLines(plan, complete), [`These keys can sign it: ${plan.recovery.keys.join(", ")}.`]]) {
      channel.line(...line);
    }
  }
  if (output !== "-") {
    await writeOutput(output, operationText(plan.operation));
  } else if (!globals.json) {
    terminal.out.jsonText(operationText(plan.operation));
  }
  return 0;
}

async function carryOut(
  plan: RecoveryPlan,
  signer: Signer,
  via: "server" | "directory",
  { parts, globals, complete }: IdentityTalk,
  terminal: Terminal,
): Promise<number> {
  const { allowPrivateHosts } = globals;
  const result = await recoverAccount(parts, plan, signer, { route: via, allowPrivateHosts });
  const { did } = plan.account;
  const change = changeJson(result);
  const document = { type: "result", version: 1, command: "plc recover", did, state: "recovered", ...change };
  if (tellDocument(terminal, globals.json, document) || globals.quiet) {
    return 0;
  }
  terminal.out.line({ text: "It is undone.", style: "bold" });
  for (const line of changeLines(result, via === "directory", complete)) {
    terminal.out.line(...line);
  }
  return 0;
}

/** The keys of every operation that something can go back to, the newest first. */
function everyKey({ log }: AccountLog): readonly string[] {
  return [...new Set(log.entries.toReversed().flatMap(({ operation }) => rotationKeysOf(operation)))];
}
