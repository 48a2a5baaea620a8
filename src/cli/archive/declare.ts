/** `decamp archive …`: what it is called with. */
import { Option, type Command } from "commander";
import { runs, type Declared } from "../command.ts";
import { collect, helpStartsWith, wholeNumber } from "../shape.ts";

export interface PruneFlags {
  readonly keep?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly keepWithin?: string;
  readonly release?: readonly string[];
  readonly gone?: string;
  readonly includeMoved?: true;
  readonly dryRun?: true;
}

export interface StatusFlags {
  readonly olderThan?: string;
  readonly onDisk?: true;
  readonly metricsFile?: string;
}

export function declareArchive(program: Command): readonly Declared[] {
  const archive = helpStartsWith(
    program.command("archive").summary("look at archives, and remove old snapshots"),
    ["Looks at archives that decamp export or a move has made, and removes old snapshots."],
    [
      { says: "What is in it:", command: "decamp archive ls backup" },
      { says: "Whether all of it is good:", command: "decamp verify backup" },
    ],
  );
  const ls = helpStartsWith(
    archive.command("ls").summary("list the snapshots").argument("<dir>", "an archive, or a folder of archives"),
    [
      "Lists the snapshots of an archive, the oldest first: name, time, records, blobs and",
      "their bytes, and what is special. One that is held has what was gone when the next one",
      "was made, and no prune removes it. Of a folder of archives: a line each.",
    ],
    [
      { says: "The snapshots:", command: "decamp archive ls backup" },
      { says: "All archives that export --all has made:", command: "decamp archive ls backups" },
      { says: "With their manifests' figures, for a script:", command: "decamp archive ls backup --json" },
    ],
  );
  const status = helpStartsWith(
    archive
      .command("status")
      .summary("look a folder of archives over: how many, how old, what they lack")
      .argument("<dir>", "a folder of archives, or an archive")
      .option("--older-than <span>", "exit code 6 if one has not been renewed for so long, such as 2d or 36h")
      .option("--on-disk", "also how much of the disk they take: every file is looked at")
      .option("--metrics-file <file>", "write the figures there, too, for Prometheus"),
    [
      "Says of all archives together how many there are, how old and how large, which lack",
      "blobs or cannot be read, how the last export --all went, and what killed runs have",
      "left. An archive is renewed when a snapshot is made, and when an export --all sees",
      "that nothing is new. Exit code 3 if one cannot be read. What they hold is not proved:",
      "that is for decamp verify.",
    ],
    [
      { says: "How all of them are:", command: "decamp archive status backups" },
      {
        says: "For a script that has to know of each that is behind:",
        command: "decamp archive status backups --older-than 2d -q",
      },
      {
        says: "With a file for Prometheus, which node_exporter picks up:",
        command: "decamp archive status backups -q --metrics-file decamp_archives.prom",
      },
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
  const pruning = archive
    .command("prune")
    .summary("remove old snapshots, and blobs that only they needed")
    .argument("<dir>", "an archive, or a folder of archives")
    .option("--release <snapshot>", "this one need not be held any longer; may be repeated", collect)
    .option("--dry-run", "say what would be removed and why the others stay, and remove nothing");
  for (const option of [
    new Option("--gone <span>", "those that the server has not listed for so long, such as 30d"),
    new Option("--include-moved", "of these also accounts that live on another server now"),
  ]) {
    pruning.addOption(option.helpGroup("Whole archives (of a folder of archives, after a yes, or with --yes):"));
  }
  const many = wholeNumber(1, 999_999_999);
  for (const option of [
    new Option("--keep-daily <n>", "the last one of each of the N newest days that have one").argParser(many),
    new Option("--keep-weekly <n>", "the same for weeks, which begin on Monday").argParser(many),
    new Option("--keep-monthly <n>", "the same for months").argParser(many),
    new Option("--keep-yearly <n>", "the same for years").argParser(many),
    new Option("--keep-within <span>", "all of this time before the newest one, such as 30d or 1y6m14d12h"),
    new Option("--keep <n>", "the N newest ones, however old or young they are").argParser(many),
  ]) {
    pruning.addOption(
      option.helpGroup("What stays (a snapshot stays if one of these keeps it; days are those of UTC):"),
    );
  }
  const prune = helpStartsWith(
    pruning,
    [
      "Removes the snapshots that no rule keeps, and the blobs that only they needed. What is",
      "removed is gone. The newest snapshot always stays, the newest one that has preferences",
      "or an e-mail address, and each that is held, because much of what it has was gone when",
      "the next one was made: archive ls names those.",
      "",
      "With --gone, whole archives: of accounts that decamp export --all has not found in the",
      "list of their server for so long. The server and the identity are asked once more; who",
      "has moved away stays, and so does everybody where somebody does not answer.",
    ],
    [
      {
        says: "See what would go, and why the others stay:",
        command: "decamp archive prune backup --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run",
      },
      {
        says: "A week of days, five weeks, a year of months:",
        command: "decamp archive prune backup --keep-daily 7 --keep-weekly 5 --keep-monthly 12",
      },
      {
        says: "What was held is not needed any more:",
        command: "decamp archive prune backup --release 3kq2zzzzzzz2a --keep-daily 7",
      },
      {
        says: "All archives that export --all has made:",
        command: "decamp archive prune backups --keep-daily 7 --keep-monthly 12",
      },
      {
        says: "Whose accounts have been gone from the server for a month:",
        command: "decamp archive prune backups --gone 30d --dry-run",
      },
    ],
  );
  return [
    runs(ls, async () => (await import("./run.ts")).archiveLsCommand),
    runs<StatusFlags>(status, async () => (await import("./status.ts")).archiveStatusCommand),
    runs(diff, async () => (await import("./changes.ts")).archiveDiffCommand),
    runs<PruneFlags>(prune, async () => (await import("./prune-archive.ts")).archivePruneCommand),
  ];
}
