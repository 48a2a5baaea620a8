/** `decamp archive ls`: what is in an archive. Where there plainly is none, nothing else is loaded. */
import { refuseEmpty, refuseFile } from "../../archive/no-archive.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";

/** Runs `decamp archive ls`. */
export async function archiveLsCommand(invocation: Invocation, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const [path = ""] = invocation.args;
  await refuseFile(path);
  await refuseEmpty(path);
  return (await import("./list-archive.ts")).listArchive(path, globals, terminal);
}
