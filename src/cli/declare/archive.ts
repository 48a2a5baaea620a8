/** `decamp archive …`: what it is called with. */
import type { Command } from "commander";
import { helpStartsWith, wholeNumber } from "./shape.ts";

export interface PruneFlags {
  readonly keep?: number;
  readonly dryRun?: true;
}

export interface ArchiveCommands {
  readonly ls: Command;
  readonly diff: Command;
  readonly prune: Command;
}

export function declareArchive(program: Command): ArchiveCommands {
  const archive = helpStartsWith(
    program.command("archive").summary("look at archives, and remove old snapshots"),
    ["Looks at archives that decamp export or a move has made, and removes old snapshots."],
    [
      { says: "What is in it:", command: "decamp archive ls backup" },
      { says: "Whether all of it is good:", command: "decamp verify backup" },
    ],
  );
  const ls = helpStartsWith(
    archive.command("ls").summary("list the snapshots").argument("<dir>", "an archive"),
    [
      "Lists the snapshots of an archive, the oldest first: name, time, records, blobs and",
      "their bytes, and what is special.",
    ],
    [
      { says: "The snapshots:", command: "decamp archive ls backup" },
      { says: "With their manifests' figures, for a script:", command: "decamp archive ls backup --json" },
    ],
  );
  const diff = helpStartsWith(
    archive
      .command("diff")
      .summary("list what changed between two snapshots")
      .argument("<before>", "an archive, of which its newest snapshot; or the folder of a snapshot")
      .argument("<after>", "the same"),
    [
      "Lists what was added (+), removed (-) or changed (~) from one snapshot to another:",
      "records with their CIDs, blobs, and the files for identity and preferences.",
    ],
    [
      {
        says: "From one snapshot to the next:",
        command: "decamp archive diff backup/snapshots/3kq2zzzzzzz2a backup/snapshots/3ks7zzzzzzz2a",
      },
      { says: "Between the newest ones of two archives:", command: "decamp archive diff old-backup backup" },
    ],
  );
  const prune = helpStartsWith(
    archive
      .command("prune")
      .summary("remove old snapshots, and blobs that only they needed")
      .argument("<dir>", "an archive")
      .option("--keep <n>", "how many of the newest snapshots stay", wholeNumber(1, 999_999_999))
      .option("--dry-run", "say what would be removed, and remove nothing"),
    ["Removes all snapshots but the newest ones, and the blobs that none of these needs.", "What is removed is gone."],
    [
      { says: "See what would go:", command: "decamp archive prune backup --keep 7 --dry-run" },
      { says: "Keep a week of daily snapshots:", command: "decamp archive prune backup --keep 7" },
    ],
  );
  return { ls, diff, prune };
}
