/** `decamp doctor`: what it is called with. */
import type { Command } from "commander";
import { runs, type Declared } from "../command.ts";
import { helpStartsWith, rotationKeyOptions, type RotationKeyFlags, type RotationSignerFlags } from "../shape.ts";

/** The flags as commander hands them over. */
export interface DoctorFlags extends RotationKeyFlags, RotationSignerFlags {
  readonly archive?: string;
  readonly to?: string;
}

export function declareDoctor(program: Command): readonly Declared[] {
  const command = program
    .command("doctor")
    .summary("say whether an account could come back today")
    .argument("<account>", "its handle, or its DID")
    .requiredOption(
      "--archive <dir>",
      "the archive that it would come back from: a folder that export or migrate has made",
    )
    .option("--to <url>", "the server that it would go to");
  rotationKeyOptions(command);
  helpStartsWith(
    command,
    [
      "Says what you would have if the server of the account died now: proves the",
      "archive, looks what is newer at the server, tries your rotation key if you name",
      "it, and whether it stands above the server's. Changes nothing. Ends with 0 only",
      "if the account could come back; without a key that is said of the log alone.",
    ],
    [
      {
        says: "Could it come back, with this key and to this server?",
        command:
          "decamp doctor alice.example.com --archive backup --rotation-key-file rotation-key.age \\\n" +
          "        --to https://pds.example.org",
      },
      { says: "The same at night, without the key:", command: "decamp doctor alice.example.com --archive backup" },
    ],
  );
  return [runs<DoctorFlags>(command, async () => (await import("./run.ts")).doctorCommand)];
}
