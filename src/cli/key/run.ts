/** `decamp key inspect`. Where there is no such file, nothing else is loaded. */
import { refuseAbsent } from "../../services/disk/unreadable.ts";
import type { Edge, Invocation } from "../command.ts";
import { secretKinds } from "../secret-kinds.ts";
import type { KeyInspectFlags } from "./declare.ts";

/** Runs `decamp key inspect`. */
export async function keyInspectCommand(invocation: Invocation<KeyInspectFlags>, edge: Edge): Promise<number> {
  const [path] = invocation.args;
  const { passphraseFile, passphraseCommand } = invocation.flags;
  // What is longer could be a key: nobody repeats it before that is known. What else was typed is looked at first.
  const isPlain = path !== undefined && path !== "-" && !path.startsWith("did:") && !/\w{25}/.test(path);
  if (isPlain && (passphraseFile ?? passphraseCommand) === undefined) {
    await refuseAbsent(path, `${secretKinds.rotationKey.what} from ${path}`);
  }
  return (await import("./inspect.ts")).inspectKey(invocation, edge);
}
