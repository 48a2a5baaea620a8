/** What `decamp restore` is told: flags over environment over defaults. */
import { isCid } from "../../data/cid.ts";
import { DecampError } from "../../errors.ts";
import type { RestoreOptions } from "../../migration/restore/restore-options.ts";
import { isStepId, restoreStepIds } from "../../migration/step-ids.ts";
import { requireBlobCid } from "../blob-cid.ts";
import type { Invocation } from "../command.ts";
import { requireDidKey } from "../did-key.ts";
import { nonEmpty, readGlobals } from "../globals.ts";
import { documentWait } from "../shape.ts";
import { completer } from "../next-command.ts";
import type { ConverseRequest } from "../talk/converse.ts";
import { readGivenAnswers } from "../talk/move-answers.ts";
import { namesRotationKey, outsideSigner, rotationKeySecrets } from "../talk/rotation-key.ts";
import type { RestoreFlags } from "./declare.ts";

/** All that one run is told. */
export interface RestoreRequest extends ConverseRequest {
  readonly options: RestoreOptions;
}

/**
 * @param isCancel a restore is taken back: what this machine remembers of it names the new server
 * @throws DecampError `usage` for what is missing, unknown or contradicts itself
 */
export function readRestoreRequest(
  { args, flags, globals: raw }: Invocation<RestoreFlags>,
  env: Readonly<NodeJS.ProcessEnv>,
  isCancel = false,
): RestoreRequest {
  const globals = readGlobals(raw, env);
  const [archive = ""] = args;
  const to = flags.to ?? nonEmpty(env["DECAMP_TARGET_PDS"]);
  if (to === undefined && !isCancel) {
    throw new DecampError("usage", "The address of your new server is missing.", {
      hint: "Give it with --to https://pds.example.org, or DECAMP_TARGET_PDS in the environment.",
    });
  }
  const { until, nullify } = flags;
  if (until !== undefined && !isStepId(until)) {
    throw new DecampError("usage", `--until: there is no step ${until}.`, {
      hint: `The steps: ${restoreStepIds.join(", ")}.`,
    });
  }
  if (nullify !== undefined && !isCid(nullify)) {
    throw new DecampError("usage", `--nullify: ${JSON.stringify(nullify)} is not the CID of an operation.`, {
      hint: "decamp plc history lists the operations of an account.",
    });
  }
  return {
    options: {
      archive,
      to: to ?? "",
      homeIsLost: flags.homeIsLost ?? false,
      namesKey: namesRotationKey(flags, env),
      ...(nullify === undefined ? {} : { nullify }),
      ...(flags.also === undefined ? {} : { also: flags.also }),
      replaceNewer: flags.replaceNewer ?? false,
      dryRun: flags.dryRun ?? false,
      ...(until === undefined ? {} : { until }),
      stateDir: globals.stateDir,
      allowPrivateHosts: globals.allowPrivateHosts,
      ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
      chunkedImport: flags.chunkedImport ?? false,
      allowMissingBlobs: flags.allowMissingBlobs ?? false,
      acceptFutureRev: flags.acceptFutureRev ?? false,
      ...documentWait(flags.documentWait),
      ...(flags.skipBlob === undefined ? {} : { skipBlobs: flags.skipBlob.map(requireBlobCid) }),
      ...(flags.acceptKey === undefined ? {} : { acceptKeys: flags.acceptKey.map(requireDidKey) }),
      ...(flags.dropKey === undefined ? {} : { dropKeys: flags.dropKey.map(requireDidKey) }),
    },
    // Nobody else can sign for a did:plc, so there is always a key.
    given: readGivenAnswers({ ...flags, signByKey: true, outside: outsideSigner(flags) }, globals.yes, env),
    secretFlags: {
      ...rotationKeySecrets(flags),
      authFactor: { file: flags.authFactorFile, command: flags.authFactorCommand },
      targetPassword: { file: flags.newPasswordFile, command: flags.newPasswordCommand },
      deleteToken: { file: flags.deleteTokenFile, command: flags.deleteTokenCommand },
    },
    globals,
    warnings: [],
    complete: completer({ raw, globals, archive: undefined }),
  };
}
