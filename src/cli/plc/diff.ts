/** `decamp plc diff`: what a change would do, before anybody makes it. */
import type { ChangePlan } from "../../account/change.ts";
import { readAccount } from "../../account/find.ts";
import { planChange, type WishedChange } from "../../account/plan-change.ts";
import { DecampError, exitCodeOf } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { writeOutput } from "../../services/disk/output/output-file.ts";
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
    const wish = await readWish(flags, talk, terminal);
    const account = await readAccount(parts.services, name, { from }, parts.signal);
    return report(await planChange(parts, account, wish, talk.globals), flags.output, talk, terminal);
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
    if (output !== "-") {
      await writeOutput(output, operationText(plan.operation));
    } else if (!globals.json) {
      // With --json it is in the result.
      terminal.out.jsonText(operationText(plan.operation));
    }
  }
  return ok ? 0 : refusedExit;
}

/**
 * @throws DecampError `usage` for flags that contradict each other, or for keys that are none, before anybody is asked
 */
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

/** @throws DecampError `usage`, `invalid-url`, `insecure-url`; what reading an operation throws */
async function readWish(
  flags: PlcDiffFlags,
  { parts, globals }: IdentityTalk,
  terminal: Terminal,
): Promise<WishedChange> {
  const { to, operation, handle, pds, signingKey } = flags;
  if (to !== undefined) {
    return { kind: "move", target: parseServerUrl(to, globals), accepted: (flags.acceptKey ?? []).map(requireDidKey) };
  }
  if (operation !== undefined) {
    return { kind: "operation", value: await readOperationInput(operation, terminal, parts.signal) };
  }
  return {
    kind: "edit",
    edit: {
      addRotationKeys: (flags.addRotationKey ?? []).map(requireDidKey),
      removeRotationKeys: (flags.removeRotationKey ?? []).map(requireDidKey),
      ...(handle === undefined ? {} : { handle }),
      ...(pds === undefined ? {} : { pds: parseServerUrl(pds, globals) }),
      ...(signingKey === undefined ? {} : { signingKey: requireDidKey(signingKey) }),
    },
  };
}
