/** The audit log in a file, for a command that needs one which is in order. */
import { DecampError } from "../../errors.ts";
import { auditLogFile, type AuditOptions, type LogFile } from "../../plc/log-file.ts";
import type { VerifiedLog } from "../../plc/log.ts";

/**
 * @param did whose log it has to be; by default whose it is by itself
 * @throws DecampError `identity-invalid` at the first thing that is wrong, `unsupported` for a log without times,
 *   `limit-exceeded`; the signal's reason
 */
export async function verifiedInput(
  file: LogFile,
  did: string | undefined,
  options: AuditOptions,
): Promise<VerifiedLog> {
  const { log, timeless, foreign, findings } = await auditLogFile(file, did, options);
  if (log === undefined) {
    const { rule, message, index, cid } = findings[0] ?? { message: "The log is not in order." };
    if (rule === "plc/log-form") {
      throw new DecampError("unreadable-file", message, {
        hint: "A directory gives an audit log at /DID/log/audit, and an archive has one.",
        data: { rule },
      });
    }
    throw new DecampError("identity-invalid", message, {
      hint:
        foreign === true
          ? "Look which account you mean, and which file is its log."
          : "decamp plc audit names all that is wrong with it.",
      data: { rule, index, cid },
    });
  }
  if (timeless === true) {
    throw new DecampError("unsupported", "This is a list of operations (/log): it does not say when they were taken.", {
      hint: `Give what the directory has at /${log.did}/log/audit. decamp plc audit proves this list as far as it goes.`,
    });
  }
  return log;
}
