/** Whose account is moved, and where to: what every move has to be told. */
import { DecampError } from "../../errors.ts";
import type { Invocation } from "../command.ts";
import { nonEmpty } from "../globals.ts";
import type { MigrateFlags } from "./declare.ts";

/** As they were typed. */
export interface Places {
  readonly account: string;
  readonly to: string;
}

/** Flags over environment. @throws DecampError `usage` if one is missing */
export function readPlaces(
  { args, flags, command }: Pick<Invocation<MigrateFlags>, "args" | "flags" | "command">,
  env: Readonly<NodeJS.ProcessEnv>,
): Places {
  const [account] = args;
  if (account === undefined) {
    throw new DecampError("usage", "The account is missing.", {
      hint: "Give its handle or its DID: decamp migrate alice.example.com --to https://pds.example.org",
    });
  }
  // To cancel, the move that the journal knows of will do.
  const to = flags.to ?? nonEmpty(env["DECAMP_TARGET_PDS"]) ?? (command === "migrate cancel" ? "" : undefined);
  if (to === undefined) {
    throw new DecampError("usage", "The address of your new server is missing.", {
      hint: "Give it with --to https://pds.example.org, or DECAMP_TARGET_PDS in the environment.",
    });
  }
  return { account, to };
}
