/** `decamp repo …` and `decamp blob …`: what they are called with. */
import type { Command } from "commander";
import { runs, type Declared } from "../command.ts";
import { collect, giverOptions, helpStartsWith, type GiverFlags } from "../shape.ts";

export interface LsFlags {
  readonly collection?: readonly string[];
}

const input = "a CAR file, an archive, or - for the standard input";

export function declareLook(program: Command): readonly Declared[] {
  const repo = helpStartsWith(
    program.command("repo").summary("look into a repository"),
    ["Looks into a repository: a CAR file, an archive, or - for the standard input."],
    [
      {
        says: "All posts, a path and a CID a line:",
        command: "decamp repo ls alice.car --collection app.bsky.feed.post",
      },
      { says: "One record:", command: "decamp repo get alice.car app.bsky.actor.profile/self" },
      { says: "All records as files:", command: "decamp repo unpack alice.car alice-records" },
    ],
  );
  const repoLs = helpStartsWith(
    repo
      .command("ls")
      .summary("list records: path and CID")
      .argument("<path>", input)
      .option("--collection <nsid>", "only records of this collection; may be repeated", collect),
    ["Lists the records in the order of their paths: path and CID, one record a line."],
    [
      {
        says: "How many likes there are:",
        command: "decamp repo ls alice.car --collection app.bsky.feed.like | wc -l",
      },
      { says: "As JSON:", command: "decamp repo ls alice.car --json" },
    ],
  );
  const repoGet = helpStartsWith(
    repo
      .command("get")
      .summary("show one record as JSON")
      .argument("<path>", input)
      .argument("<record>", "collection/rkey, or an at:// address"),
    [
      "Shows one record as JSON. Links and bytes have the forms of AT Protocol, and no",
      "number is rounded. In a record that breaks the data model, what JSON has no form",
      'for is marked: {"$float": 1.5}, {"$undefined": true} and the like.',
    ],
    [
      { says: "The profile:", command: "decamp repo get alice.car app.bsky.actor.profile/self" },
      { says: "With its CID, for a script:", command: "decamp repo get alice.car app.bsky.actor.profile/self --json" },
    ],
  );
  const repoUnpack = helpStartsWith(
    repo
      .command("unpack")
      .summary("write all records as JSON files")
      .argument("<path>", input)
      .argument("<dir>", "a folder that does not exist yet, or an empty one"),
    [
      "Writes every record as a JSON file: <dir>/<collection>/<rkey>.json. Characters",
      "that file systems treat in different ways are written as = and what they are.",
    ],
    [{ says: "All records of a file:", command: "decamp repo unpack alice.car alice-records" }],
  );
  const repoDiff = helpStartsWith(
    repo
      .command("diff")
      .summary("list what changed between two repositories")
      .argument("<before>", input)
      .argument("<after>", input),
    [
      "Lists the records that were added (+), removed (-) or changed (~) from one state",
      "of a repository to another: sign, path, and the CIDs.",
    ],
    [{ says: "What is new since the last copy:", command: "decamp repo diff last-week.car today.car" }],
  );
  const blob = helpStartsWith(
    program.command("blob").summary("the blobs that records need: look at them, bring missing ones"),
    ["Looks at the blobs that the records of a repository refer to."],
    [{ says: "All blobs:", command: "decamp blob ls alice.car" }],
  );
  const blobLs = helpStartsWith(
    blob.command("ls").summary("list blobs: CID, size, MIME type, records").argument("<path>", input),
    [
      "Lists the blobs that the records refer to, one a line: CID, bytes (- where the",
      "record does not say), MIME type, and the paths of the records that need it.",
      "Exit code 6 if a record cannot be read to its end, so that there may be more.",
    ],
    [{ says: "The largest first:", command: "decamp blob ls alice.car | sort -k2 -n -r | head" }],
  );
  return [
    runs<LsFlags>(repoLs, async () => (await import("./run.ts")).repoLsCommand),
    runs(repoGet, async () => (await import("./run.ts")).repoGetCommand),
    runs(repoUnpack, async () => (await import("./run.ts")).repoUnpackCommand),
    runs(repoDiff, async () => (await import("./run.ts")).repoDiffCommand),
    runs(blobLs, async () => (await import("./run.ts")).blobLsCommand),
    runs<GiverFlags>(declareGet(blob), async () => (await import("./get.ts")).blobGetCommand),
    runs<GiverFlags>(declarePush(blob), async () => (await import("./push.ts")).blobPushCommand),
  ];
}

const whichArchive = "the folder of its archive (default: the one that export or migrate puts it into)";

function declareGet(blob: Command): Command {
  const command = blob
    .command("get")
    .summary("fetch blobs into an archive that it lacks")
    .argument("<account>", "its handle, or its DID")
    .argument("[archive]", whichArchive);
  giverOptions(command, "ask this server first, for the handle, too");
  return helpStartsWith(
    command,
    [
      "Fetches the blobs that an archive lacks: from the servers that you name, then",
      "from the one where the account lives, then from those where it has lived. Each",
      "is hashed, and belongs to the snapshots that lacked it from then on. It makes no",
      "archive: decamp export does. Ends with 6 if the archive still lacks some.",
      "",
      "A server may give blobs to the owner alone, as one where the account is",
      "deactivated. Then you are asked whether to sign in there.",
    ],
    [
      { says: "What the export could not get then:", command: "decamp blob get alice.example.com" },
      { says: "Of an archive that lies elsewhere:", command: "decamp blob get alice.example.com backup" },
      {
        says: "From a server that may still have it:",
        command: "decamp blob get alice.example.com backup --from https://pds.example.org",
      },
    ],
  );
}

function declarePush(blob: Command): Command {
  const command = blob
    .command("push")
    .summary("bring blobs that the server lacks, from an archive or another server")
    .argument("<account>", "its handle, or its DID")
    .argument("[archive]", whichArchive);
  giverOptions(command, "bring them from this server, and not from those where it has lived");
  return helpStartsWith(
    command,
    [
      "Asks the server of the account which blobs it lacks, and brings those that the",
      "archive has, if there is one, and then those that another server has: the ones",
      "that you name, or those where the account has lived. Each is hashed, sent, read",
      "back and hashed. Ends with 6 if the server still lacks some.",
      "",
      "A server may give blobs to the owner alone, as one where the account is",
      "deactivated. Then you are asked whether to sign in there.",
    ],
    [
      { says: "What the move could not bring then:", command: "decamp blob push alice.example.com" },
      { says: "From an archive that lies elsewhere:", command: "decamp blob push alice.example.com backup" },
      {
        says: "From a server that still has it:",
        command: "decamp blob push alice.example.com --from https://pds.example.org",
      },
    ],
  );
}
