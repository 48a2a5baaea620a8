/** `decamp completion`: what it is called with. */
import { Argument, type Command } from "commander";
import { runs, type Declared } from "../command.ts";
import { shells } from "../help/asked.ts";
import { helpStartsWith } from "../shape.ts";

export function declareCompletion(program: Command): readonly Declared[] {
  const command = helpStartsWith(
    program
      .command("completion")
      .summary("print what makes a shell complete commands")
      .addArgument(new Argument("<shell>", "the shell").choices(shells)),
    [
      "Prints a script that has a shell complete commands, flags, files, and the",
      "accounts whose moves this machine remembers. Nothing is asked over the network.",
      "Its first line says where it belongs.",
    ],
    [
      { says: "For bash:", command: "decamp completion bash" },
      { says: "For PowerShell:", command: "decamp completion powershell" },
    ],
  );
  return [runs(command, async () => (await import("./run.ts")).completionCommand)];
}
