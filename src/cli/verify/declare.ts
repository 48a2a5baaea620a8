/** `decamp verify`: what it is called with. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { runs, type Declared } from "../command.ts";
import { helpStartsWith } from "../shape.ts";

/** The flags as commander hands them over. */
export interface VerifyFlags {
  readonly did?: string;
  readonly signingKey?: string;
  readonly allowPartial?: true;
  readonly online?: true;
  readonly certificate?: true;
  /** In so many days every archive of a folder has its turn. */
  readonly sample?: number;
}

export function declareVerify(program: Command): readonly Declared[] {
  const command = program
    .command("verify")
    .summary("prove a repository: structure, signature, completeness")
    .argument("<path>", "a CAR file, an archive, a folder of archives, or - for the standard input")
    .option("--did <did>", "the account that it has to belong to")
    .option("--signing-key <did:key>", "the key that it has to be signed with")
    .option("--online", "look the account's keys up, all that it ever had")
    .option("--allow-partial", "blocks may be missing, as in what a server sends for `since`")
    .addOption(
      new Option(
        "--sample <share>",
        "of a folder of archives only this share, such as 1%, each day another: of 1% all have had their turn in less than 200 days",
      ).argParser(share),
    )
    .option("--certificate", "the path is the certificate of a move: prove that the new home has an identical copy");
  helpStartsWith(
    command,
    [
      "Proves a repository. Every block is hashed, the commit's signature is checked if",
      "a key is known, and the tree is checked node by node. Nothing is fetched but, with",
      "--online, the account's keys. Of an archive all snapshots are proved, and every blob;",
      "of a folder of archives each one. Exit code 0 if all is well, 3 if not.",
    ],
    [
      { says: "Prove a file:", command: "decamp verify alice.car" },
      { says: "All archives that export --all has made:", command: "decamp verify backups" },
      { says: "One in a hundred of them each day, in turns:", command: "decamp verify backups --sample 1%" },
      { says: "Look the account's keys up, too:", command: "decamp verify alice.car --online" },
      {
        says: "Say which account and which key to expect:",
        command:
          "decamp verify alice.car --did did:plc:ewvi7nxzyoun6zhxrhs64oiz \\\n" +
          "        --signing-key did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
      },
      { says: "Prove a move, from its certificate:", command: "decamp verify --certificate certificate.json" },
      { says: "From a pipe, for a script:", command: "cat alice.car | decamp verify - --json" },
    ],
  );
  return [
    runs<VerifyFlags>(command, async ({ certificate }) =>
      certificate === true
        ? (await import("./certificate.ts")).verifyCertificateCommand
        : (await import("./run.ts")).verifyCommand,
    ),
  ];
}

/** `1%` → 100: in so many days all have their turn. */
function share(text: string): number {
  const percent = /^[0-9]{1,2}(?:\.[0-9]{1,2})?%$/.test(text) ? Number(text.slice(0, -1)) : 0;
  const days = Math.round(100 / percent);
  if (percent < 0.1 || percent > 50) {
    throw new InvalidArgumentError("It must be a share from 0.1% to 50%, such as 1%.");
  }
  return days;
}
