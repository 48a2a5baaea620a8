/** An audit log that a command is told to read: a file, an archive, or the standard input. */
import { DecampError } from "../../errors.ts";
import { auditLogFile, type AuditOptions, type LogFile } from "../../plc/log-file.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { readOwnJson } from "../../services/disk/json-file.ts";
import { readJsonLinesInput } from "./json-input.ts";
import type { Terminal } from "../talk/terminal.ts";

/**
 * An account is a handle or a DID; a path has a separator, or ends like a file of JSON, or is - for the standard input.
 */
export function isPath(text: string): boolean {
  return text === "-" || (!/^(?:at|did):/i.test(text) && (/[/\\]/.test(text) || /\.(?:json|jsonl|ndjson)$/.test(text)));
}

/**
 * The entries as they lie there; of an archive those of its newest snapshot.
 *
 * @throws DecampError as `readJsonInput`, and `unreadable-file` for a folder that is no archive
 */
export async function readLogInput(
  path: string,
  terminal: Pick<Terminal, "stdin">,
  signal: AbortSignal,
): Promise<LogFile> {
  const { isFolder } = await import("../../services/disk/hash-file.ts");
  if (path === "-" || !(await isFolder(path))) {
    return readJsonLinesInput(path, terminal, signal);
  }
  const [{ readManifests }, { snapshotFile }, { noArchive }] = await Promise.all([
    import("../../archive/manifest.ts"),
    import("../../archive/layout.ts"),
    import("../../archive/open.ts"),
  ]);
  const manifest = (await readManifests(path)).at(-1);
  if (manifest === undefined) {
    throw await noArchive(path);
  }
  return { value: await readOwnJson(snapshotFile(path, manifest.snapshot, "log")), lines: false };
}

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
