/** An audit log that a command is told to read: a file, an archive, or the standard input. */
import type { LogFile } from "../../plc/log-file.ts";
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
