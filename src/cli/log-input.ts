/** An audit log that a command is told to read: a file, an archive, or the standard input. */
import { DecampError } from "../errors.ts";
import { auditLog } from "../plc/audit.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { readOwnJson } from "../services/json-file.ts";
import { readJsonInput } from "./json-input.ts";
import type { Terminal } from "./terminal.ts";

/** An account is a handle or a DID; a path has a separator, or ends with .json, or is - for the standard input. */
export function isPath(text: string): boolean {
  return text === "-" || (!/^(?:at|did):/i.test(text) && (/[/\\]/.test(text) || text.endsWith(".json")));
}

/**
 * The entries as they lie there; of an archive those of its newest snapshot.
 *
 * @throws DecampError as `readJsonInput`, and `unreadable-file` for a folder that is no archive
 */
export async function readLogInput(path: string, terminal: Pick<Terminal, "stdin">): Promise<unknown> {
  const { isFolder } = await import("../services/hash-file.ts");
  if (path === "-" || !(await isFolder(path))) {
    return readJsonInput(path, terminal);
  }
  const [{ readManifests }, { snapshotFile }] = await Promise.all([
    import("../archive/manifest.ts"),
    import("../archive/layout.ts"),
  ]);
  const manifest = (await readManifests(path)).at(-1);
  if (manifest === undefined) {
    throw new DecampError("unreadable-file", `There is no archive in the folder ${path}.`);
  }
  return readOwnJson(snapshotFile(path, manifest.snapshot, "log"));
}

/** @throws DecampError `identity-invalid` at the first thing that is wrong */
export function verifiedInput(value: unknown): VerifiedLog {
  const { log, findings } = auditLog(value);
  if (log === undefined) {
    const { rule, message, index, cid } = findings[0] ?? { message: "The log is not in order." };
    throw new DecampError("identity-invalid", message, { data: { rule, index, cid } });
  }
  return log;
}
