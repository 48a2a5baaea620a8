/** `decamp key inspect`. Where there is no such file, nothing else is loaded. */
import { refuseAbsent } from "../../services/disk/unreadable.ts";
import type { Edge, Invocation } from "../command.ts";
import { secretKinds } from "../secret-kinds.ts";
import type { KeyInspectFlags } from "./declare.ts";

/** Runs `decamp key inspect`. */
export async function keyInspectCommand(invocation: Invocation<KeyInspectFlags>, edge: Edge): Promise<number> {
  const [path] = invocation.args;
  // What is longer could be a key: nobody repeats it before that is known.
  if (path !== undefined && path !== "-" && !/\w{25}/.test(path)) {
    await refuseAbsent(path, `${secretKinds.rotationKey.what} from ${path}`);
  }
  return (await import("./inspect.ts")).inspectKey(invocation, edge);
}
