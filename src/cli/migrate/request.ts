/** What `decamp migrate` and `migrate cancel` are told: flags over environment over defaults. */
import { DecampError } from "../../errors.ts";
import type { MigrateOptions } from "../../migration/options.ts";
import { isStepId, stepIds } from "../../migration/step-ids.ts";
import type { ConverseRequest } from "../talk/converse.ts";
import { readGivenAnswers } from "../talk/move-answers.ts";
import { refusePrivateKey } from "../argument-guard.ts";
import { requireBlobCid } from "../blob-cid.ts";
import { requireDidKey } from "../did-key.ts";
import { readNewKey } from "../inputs/new-key.ts";
import { nonEmpty, readGlobals } from "../globals.ts";
import { documentWait } from "../shape.ts";
import type { Invocation } from "../command.ts";
import type { MigrateFlags } from "./declare.ts";
import { readPlaces } from "./account-and-target.ts";
import { keyWords, namesRotationKey, outsideSigner, rotationKeySecrets } from "../talk/rotation-key.ts";
import { completer, withKey } from "../next-command.ts";

/** All that one run is told. */
export interface MigrateRequest extends ConverseRequest {
  readonly options: MigrateOptions;
}

/**
 * Flags over environment over defaults.
 *
 * @throws DecampError `usage` for what is missing, unknown or contradicts itself
 */
export function readMigrateRequest(
  invocation: Invocation<MigrateFlags>,
  env: Readonly<NodeJS.ProcessEnv>,
): MigrateRequest {
  const { flags, globals: raw } = invocation;
  const globals = readGlobals(raw, env);
  const { account, to } = readPlaces(invocation, env);
  const from = flags.from ?? nonEmpty(env["DECAMP_SOURCE_PDS"]);
  const { until, recoveryKey } = flags;
  refusePrivateKey(flags.recoveryKey);
  if (until !== undefined && !isStepId(until)) {
    throw new DecampError("usage", `--until: there is no step ${until}.`, {
      hint: `The steps: ${stepIds.join(", ")}.`,
    });
  }
  const warnings = [];
  if (nonEmpty(env["ATP_PDS_HOST"]) !== undefined) {
    warnings.push({
      code: "variable-ignored",
      message: "ATP_PDS_HOST is ignored: it could mean either server. --from and --to say which is which.",
    });
  }
  return {
    options: {
      account,
      to,
      ...(from === undefined ? {} : { from }),
      homeIsLost: flags.homeIsLost ?? false,
      replaceCopy: flags.replaceCopy ?? false,
      proveAfterActivation: flags.proveAfterActivation ?? false,
      dryRun: flags.dryRun ?? false,
      ...(until === undefined ? {} : { until }),
      ...(flags.archive === undefined ? {} : { archive: flags.archive }),
      stateDir: globals.stateDir,
      allowPrivateHosts: globals.allowPrivateHosts,
      ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
      freeze: flags.freeze ?? false,
      chunkedImport: flags.chunkedImport ?? false,
      bringLateWrites: flags.bringLateWrites ?? false,
      firstWrite: flags.firstWrite ?? false,
      addRecoveryKey: flags.recoveryKey !== undefined,
      allowMissingBlobs: flags.allowMissingBlobs ?? false,
      acceptFutureRev: flags.acceptFutureRev ?? false,
      ...documentWait(flags.documentWait),
      ...(flags.skipBlob === undefined ? {} : { skipBlobs: flags.skipBlob.map(requireBlobCid) }),
      ...(flags.acceptKey === undefined ? {} : { acceptKeys: flags.acceptKey.map(requireDidKey) }),
    },
    given: readGivenAnswers(
      { ...flags, signByKey: namesRotationKey(flags, env), outside: outsideSigner(flags) },
      globals.yes,
      env,
    ),
    secretFlags: {
      ...rotationKeySecrets(flags),
      sourcePassword: { file: flags.passwordFile, command: flags.passwordCommand },
      authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
      targetPassword: { file: flags.newPasswordFile, command: flags.newPasswordCommand },
      plcToken: { file: flags.plcTokenFile, command: flags.plcTokenCommand },
      deleteToken: { file: flags.deleteTokenFile, command: flags.deleteTokenCommand },
    },
    globals,
    warnings,
    complete: withKey(completer({ raw, globals, archive: flags.archive }), keyWords({}, recoveryKey)),
    newKey: recoveryKey === undefined ? undefined : async (...of) => readNewKey(recoveryKey, flags.curve, ...of),
  };
}
