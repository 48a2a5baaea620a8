/** The archive of an account, for a command that names both. */
import type { ArchiveContents } from "../../archive/open.ts";
import { DecampError } from "../../errors.ts";

/** @throws DecampError `refused` for the archive of another account than `did` */
export function requireArchiveOf(
  { snapshots }: Pick<ArchiveContents, "snapshots">,
  archive: string,
  did: string,
): void {
  const other = snapshots.find((one) => one.did !== did);
  if (other !== undefined) {
    throw new DecampError("refused", `${archive} is the archive of ${other.did}, and not of ${did}.`, {
      hint: "Name the archive of this account.",
    });
  }
}
