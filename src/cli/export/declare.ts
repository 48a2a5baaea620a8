/** `decamp export`: what it is called with. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { runs, type Declared } from "../command.ts";
import type { Compression } from "../../archive/export/repo-file.ts";
import type { Shard } from "../../archive/state/shard.ts";
import { concurrencyOption, helpStartsWith, secretOptions, wholeNumber } from "../shape.ts";

/** Why there is nothing to export of an account, and that is no failure; see `Absent`. */
export type AbsentClass = "inactive" | "moved" | "gone";

/** The flags as commander hands them over. */
export interface ExportFlags {
  readonly all?: true;
  readonly pds?: string;
  readonly accounts?: string;
  readonly jobs?: number;
  readonly shard?: Shard;
  readonly allowKnownMissing?: true;
  readonly failOn?: readonly AbsentClass[];
  readonly metricsFile?: string;
  readonly output?: string;
  readonly from?: string;
  readonly signIn?: true;
  readonly publicOnly?: true;
  readonly recheck?: true;
  readonly compress?: Compression;
  readonly pingCommand?: string;
  readonly concurrency?: number;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly authFactorFile?: string;
  readonly authFactorCommand?: string;
  readonly adminPasswordFile?: string;
  readonly adminPasswordCommand?: string;
  readonly includeTakenDown?: true;
}

export function declareExport(program: Command): readonly Declared[] {
  const command = program
    .command("export")
    .summary("make or update a verified archive of an account")
    .argument("[account]", "its handle, or its DID")
    .option(
      "-o, --output <path>",
      "the archive (default: a folder named like the account, here); NAME.car or - for the repository alone",
    )
    .option("--from <url>", "the server that holds the account, if it is not the one that the identity names")
    .option("--sign-in", "ask for the password: preferences come along, and accounts that are not active")
    .option("--public-only", "leave out what is not public, also when signed in")
    .option("--recheck", "prove every file that is in the archive, and fetch again what is damaged")
    .addOption(
      new Option("--compress <format>", "keep repositories compressed from now on: zstd").argParser(compression),
    )
    .option("--allow-known-missing", "exit code 0 if nothing is missing but what was missing the last time, too")
    .option("--ping-command <cmd>", "run this once all is well: whoever misses that can tell you")
    .addOption(concurrencyOption());
  secretOptions(command, "password", "password, or an app password", "DECAMP_SOURCE_PASSWORD, ATP_PASSWORD");
  secretOptions(command, "auth-factor", "mailed sign-in code", "ATP_AUTH_FACTOR_TOKEN");
  const admins = "of the server, with --all: also accounts that are not active";
  secretOptions(command, "admin-password", `admin password ${admins}`, "DECAMP_ADMIN_PASSWORD");
  const group = "Many accounts (an archive each, in the folder of -o):";
  for (const option of [
    new Option("--all", "every account of the server that --pds names"),
    new Option("--pds <url>", "that server"),
    new Option("--accounts <file>", "the accounts in a file, or - : a handle or DID in each line"),
    new Option("--jobs <n>", "accounts at once (default: 4)").argParser(wholeNumber(1, 64)),
    new Option("--shard <i/n>", "only part I of N, from 0: a machine each (by the SHA-256 of the DID)").argParser(
      shard,
    ),
    new Option("--include-taken-down", "with the admin password: also accounts that were taken down"),
    new Option(
      "--fail-on <classes>",
      "exit code 6 also for accounts that are inactive, moved or gone: these words, with commas between",
    ).argParser(absentClasses),
    new Option("--metrics-file <file>", "with --all: write figures of the run there, for Prometheus"),
  ]) {
    command.addOption(option.helpGroup(group));
  }
  helpStartsWith(
    command,
    [
      "Makes an archive of an account: repository, blobs, identity, and with a password",
      "also the preferences. All of it is proved while it is written. Run it again: it",
      "fetches only what is new, tries again what was missing, and goes on where it was",
      "interrupted. What has been damaged on the disk is fetched again, too: --recheck",
      "looks at everything, other runs at the sizes and at a part of the content. Exit",
      "code 6 if blobs are missing, or damaged and not to be had, and once if much of the",
      "account is gone since the last time: what had it is held, and no prune removes it.",
      "Of many accounts also if one failed; one that is not active is none that failed.",
    ],
    [
      { says: "Everything that is public, into ./alice.example.com:", command: "decamp export alice.example.com" },
      {
        says: "With the preferences, into a folder of your choice:",
        command: "decamp export alice.example.com -o backup --sign-in",
      },
      { says: "Only the repository, as one CAR file:", command: "decamp export alice.example.com -o alice.car" },
      { says: "The same through a pipe:", command: "decamp export alice.example.com -o - | gzip > alice.car.gz" },
      {
        says: "All accounts of a server, split between three machines; this is the first:",
        command: "decamp export --all --pds https://pds.example.com -o backups --shard 0/3",
      },
      {
        says: "Also those that only the server's operator is given, such as deactivated ones:",
        command: "decamp export --all --pds https://pds.example.com -o backups --admin-password-file admin.password",
      },
      {
        says: "Every night, without a terminal:",
        command: "decamp export alice.example.com -o backup --password-file pw --json",
      },
    ],
  );
  return [
    runs<ExportFlags>(command, async ({ all, accounts }) =>
      all === true || accounts !== undefined
        ? (await import("./many.ts")).exportManyCommand
        : (await import("./run.ts")).exportCommand,
    ),
  ];
}

/** `I/N`, I from 0. */
function shard(text: string): Shard {
  const [, index = "", count = ""] = /^([0-9]{1,6})\/([0-9]{1,6})$/.exec(text) ?? [];
  if (count === "" || Number(index) >= Number(count)) {
    throw new InvalidArgumentError("It must look like 0/3, 1/3 or 2/3: the first part is 0.");
  }
  return { index: Number(index), count: Number(count) };
}

function compression(text: string): Compression {
  if (text !== "zstd") {
    throw new InvalidArgumentError("It takes zstd.");
  }
  return text;
}

function absentClasses(text: string): readonly AbsentClass[] {
  return text.split(",").map((word) => {
    const known = (["inactive", "moved", "gone"] as const).find((one) => one === word);
    if (known === undefined) {
      throw new InvalidArgumentError("It takes inactive, moved and gone, with commas between.");
    }
    return known;
  });
}
