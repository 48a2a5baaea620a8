/** `decamp plc sign`: an operation in, a signed operation out. No network. */
import { requirePower, signatureText, type Signer } from "../../account/sign-by-key.ts";
import { requireNoErrors } from "../../account/plan-move.ts";
import { DecampError } from "../../errors.ts";
import { checkOperation } from "../../plc/check.ts";
import { judgeOperation, type Judgement } from "../../plc/judge.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import {
  findSigner,
  operationCid,
  parseUnsignedOperation,
  type PlcOperation,
  type UnsignedOperation,
} from "../../plc/operation.ts";
import { handleAmong } from "../../plc/update.ts";
import { agreeOnOperation } from "../../services/second-opinion.ts";
import { readGlobals } from "../globals.ts";
import type { Edge, Invocation } from "../command.ts";
import type { PlcSignFlags } from "./declare-change.ts";
import { readLimits } from "../limit-flags.ts";
import { readLogInput } from "../inputs/log-input.ts";
import { verifiedInput } from "../inputs/verified-log.ts";
import { operationText, readOperationInput } from "../inputs/operation-input.ts";
import { planLines } from "./plan-lines.ts";
import { contentLines, findingLines, type Line } from "./plc-lines.ts";
import { withPrompter } from "../talk/prompter.ts";
import { outsideSigner, rotationKeyOpener, rotationKeySecrets } from "../talk/rotation-key.ts";
import { checkSecretFlags, createSecrets } from "../talk/secrets.ts";
import { stoppable } from "../talk/signals.ts";
import { commandLine } from "../command-line.ts";

/** Runs `decamp plc sign`. */
export async function plcSignCommand(
  { args, flags, globals: raw }: Invocation<PlcSignFlags>,
  { terminal, secrets: known }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [path = "-"] = args;
  if ((flags.log === undefined) === (flags.withoutLog === undefined)) {
    throw new DecampError("usage", "Without the log nobody can say what this operation changes, and who may sign it.", {
      hint: "Give the audit log with --log FILE. If you have looked at it in another way, say so with --without-log.",
    });
  }
  const secretFlags = rotationKeySecrets(flags);
  checkSecretFlags(secretFlags, terminal);
  const outside = outsideSigner(flags);
  const operation = parseUnsignedOperation(await readOperationInput(path, terminal));
  const limits = readLimits(globals.limit);
  const { log: place } = flags;
  const log =
    place === undefined
      ? undefined
      : await stoppable(
          async (signal) => verifiedInput(await readLogInput(place, terminal, signal), undefined, { signal, limits }),
          () => undefined,
        );
  const judgement = log === undefined ? undefined : judge(log, operation, flags.nullify === true);
  const findings = judgement?.findings ?? checkOperation(operation);
  const tells = !globals.json && !globals.quiet;
  if (tells) {
    for (const line of [...whatLines(operation, log, judgement, findings), []]) {
      terminal.err.line(...line);
    }
  }
  requireNoErrors(findings, "Plan another operation. This command has not signed it.");
  const { signer, signed } = await stoppable(
    async (signal, leave) =>
      withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
        const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
        const opener = rotationKeyOpener(secrets, flags.curve, outside, signal);
        return sign(operation, await opener(judgement?.place.keys ?? []), judgement);
      }),
    () => undefined,
  );
  const cid = operationCid(signed);
  if (globals.json) {
    const facts = {
      did: log?.did,
      cid,
      signer: signer.didKey,
      judged: log !== undefined,
      differences: judgement?.differences,
      findings,
    };
    terminal.out.json({ type: "result", version: 1, command: "plc sign", ...facts, operation: signed });
    return 0;
  }
  if (tells) {
    terminal.err.line({ text: "Signed", style: "green" }, ` by ${signer.didKey}. Its CID: ${cid}.`);
    terminal.err.line("Nobody has it yet. Whoever has this text can submit it: keep it to yourself.");
  }
  terminal.out.jsonText(operationText(signed));
  return 0;
}

async function sign(
  operation: UnsignedOperation,
  signer: Signer,
  judgement: Judgement | undefined,
): Promise<{ signer: Signer; signed: PlcOperation }> {
  if (judgement !== undefined) {
    requirePower(signer.didKey, judgement.place.keys);
  }
  const signed = { ...operation, sig: await signatureText(operation, signer) };
  if (findSigner(signed, [signer.didKey]) === undefined) {
    throw new DecampError("key-unusable", `What the key ${signer.didKey} signs does not verify.`);
  }
  await agreeOnOperation(signed, operationCid(signed), [signer.didKey]);
  return { signer, signed };
}

function judge(log: VerifiedLog, operation: UnsignedOperation, nullify: boolean): Judgement {
  const judgement = judgeOperation(log, operation, { byHand: true }, Date.now());
  const { nullified } = judgement.place;
  if (nullified.length > 0 && !nullify) {
    throw new DecampError("head-moved", `This operation follows an older one than the head, ${log.head.cid}.`, {
      hint: "Plan it anew. If what came after is to be undone, add --nullify.",
      data: { expected: operation.prev ?? undefined, found: log.head.cid },
    });
  }
  return judgement;
}

/** What is going to be signed. */
function whatLines(
  operation: UnsignedOperation,
  log: VerifiedLog | undefined,
  judgement: Judgement | undefined,
  findings: Parameters<typeof findingLines>[0],
): Line[] {
  if (log === undefined || judgement === undefined) {
    return [
      ["The identity would be this, whatever it is now:"],
      ...contentLines(operation),
      ["Follows       ", operation.prev ?? "nothing"],
      ...findingLines(findings),
    ];
  }
  const account = { did: log.did, handle: handleAmong(operation.alsoKnownAs), log };
  return planLines({ account, judgement }, commandLine);
}
