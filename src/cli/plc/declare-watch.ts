/** `decamp plc watch`: what it is called with. */
import type { Command } from "commander";
import { collect, helpStartsWith, wholeNumber } from "../shape.ts";

/** The flags as commander hands them over. */
export interface PlcWatchFlags {
  readonly archives?: string;
  readonly secondDirectory?: string;
  readonly ownKey?: readonly string[];
  readonly ownOperation?: readonly string[];
  readonly notifyCommand?: string;
  readonly pingCommand?: string;
  readonly once?: true;
  readonly interval?: number;
  readonly memory?: string;
  readonly from?: string;
}

export function declareWatch(plc: Command): Command {
  const command = plc
    .command("watch")
    .summary("be told when somebody else changes an identity")
    .argument("[accounts...]", "their handles, or their DIDs")
    .option("--archives <dir>", "watch every account that has an archive in this folder")
    .option("--second-directory <url>", "also ask this directory: it shows what the other one hides")
    .option("--own-key <did:key>", "a rotation key that is yours: what it signs is yours; may be repeated", collect)
    .option("--own-operation <cid>", "an operation that is yours, and is told no more; may be repeated", collect)
    .option("--notify-command <cmd>", "run this for what is noticed, with JSON on its standard input")
    .option("--ping-command <cmd>", "run this while all is well, once an hour: whoever misses that can tell you")
    .option("--once", "look once, and end with 3 if something was noticed")
    .option("--interval <minutes>", "how often the directory is asked, in minutes (default: 1)", wholeNumber(1, 1440))
    .option("--memory <file>", "where to remember what was seen (default: in the folder of the state)")
    .option("--from <url>", "the server that is asked for a handle");
  return helpStartsWith(
    command,
    [
      "Follows the logs of identities, and tells of every operation that neither decamp",
      "on this machine nor a key of yours has made: what it changed, how long it can be",
      "undone, and the command for that, which needs only your key. Also tells when a",
      "directory hides an operation, gives a log that does not prove itself, or has not",
      "answered for a day. Changes nothing. Runs until Ctrl-C.",
      "",
      "With --once it ends with 0 if there is nothing to tell, with 3 if there is, with 5",
      "if a log could not be read or a directory has not answered for a day, and with 6 if",
      "an archive could not be read. A directory that is away for less is a warning. What",
      "can still be undone is told by each run, until --notify-command has taken it, you",
      "say that it is yours, it is undone, or the 72 hours are over, which is told once.",
    ],
    [
      {
        says: "One look, as a timer does it; without --once it goes on until Ctrl-C:",
        command: "decamp plc watch alice.example.com --own-key did:key:zQ3sh… --once",
      },
      {
        says: "Every account that you keep archives of, with a message to your phone:",
        command: "decamp plc watch --archives backups --notify-command ./tell-me --once",
      },
      { says: "For a script:", command: "decamp plc watch alice.example.com --once --json" },
    ],
  );
}
