/** What `decamp migrate` and `migrate cancel` are told: flags over environment over defaults. */
import { isCid } from "../../data/cid.ts";
import { DecampError } from "../../errors.ts";
import type { MigrateOptions } from "../../migration/options.ts";
import { isStepId, stepIds } from "../../migration/step-ids.ts";
import { readGivenAnswers, type GivenAnswers } from "./answers.ts";
import { refusePrivateKey } from "../argument-guard.ts";
import { requireDidKey } from "../did-key.ts";
import { nonEmpty, readGlobals, type GlobalFlags } from "../globals.ts";
import type { Invocation } from "../command.ts";
import type { MigrateFlags } from "./declare.ts";
import { namesRotationKey, outsideSigner, rotationKeySecrets } from "../talk/rotation-key.ts";
import type { AllSecretFlags } from "../talk/secrets.ts";
import { completer, type Complete } from "../next-command.ts";

/** @throws DecampError `usage` for what is no CID of a blob */
function requireCid(text: string): string {
  if (!isCid(text)) {
    throw new DecampError("usage", `--skip-blob: ${JSON.stringify(text)} is not the CID of a blob.`, {
      hint: "A move names the CIDs of the blobs that stop it; decamp blob ls lists all that records refer to.",
    });
  }
  return text;
}

/** All that one run is told. */
export interface MigrateRequest {
  readonly options: MigrateOptions;
  readonly given: GivenAnswers;
  readonly secretFlags: AllSecretFlags;
  readonly globals: GlobalFlags;
  readonly warnings: readonly { code: string; message: string }[];
  /** Makes a command for this account complete. */
  readonly complete: Complete;
}

/**
 * Flags over environment over defaults.
 *
 * @throws DecampError `usage` for what is missing, unknown or contradicts itself
 */
export function readMigrateRequest(
  { args, flags, globals: raw, command }: Invocation<MigrateFlags>,
  env: Readonly<NodeJS.ProcessEnv>,
): MigrateRequest {
  const globals = readGlobals(raw, env);
  const [account = ""] = args;
  // To cancel, the move that the journal knows of will do.
  const to = flags.to ?? nonEmpty(env["DECAMP_TARGET_PDS"]) ?? (command === "migrate cancel" ? "" : undefined);
  if (to === undefined) {
    throw new DecampError("usage", "The address of your new server is missing.", {
      hint: "Give it with --to https://pds.example.org, or DECAMP_TARGET_PDS in the environment.",
    });
  }
  const from = flags.from ?? nonEmpty(env["DECAMP_SOURCE_PDS"]);
  const { until } = flags;
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
      ...(flags.skipBlob === undefined ? {} : { skipBlobs: flags.skipBlob.map(requireCid) }),
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
    complete: completer({ raw, globals, archive: flags.archive }),
  };
}
