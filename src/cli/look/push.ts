/** `decamp blob push`: blobs that the server of an account lacks, from an archive. */
import { pushBlobs } from "../../migration/afterwards/push-blobs.ts";
import { exitCodeOf } from "../../errors.ts";
import type { Edge, Invocation } from "../command.ts";
import type { OwnerFlags } from "../shape.ts";
import { asOwner } from "../talk/answers/as-owner.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp blob push`. Exit code 6 if the server still lacks some. */
export async function blobPushCommand(invocation: Invocation<OwnerFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const [account = "", archive = ""] = invocation.args;
  return asOwner(invocation, edge, async ({ services, answers, globals, from, signal }) => {
    const { allowPrivateHosts, json, quiet } = globals;
    const done = await pushBlobs(services, answers, { account, archive, from, allowPrivateHosts }, signal);
    const { handle, server, missing, pushed, left } = done;
    const document = { type: "result", version: 1, command: "blob push", ...done };
    if (!tellDocument(terminal, json, document) && (!quiet || left.length > 0)) {
      terminal.out.line(
        missing === 0
          ? `${server} lacks no blob of ${handle}.`
          : `${server} lacked ${plural(missing, "blob")} of ${handle}. ${pushed.length} are there now, read back and hashed.`,
      );
      for (const { cid, reason } of left) {
        terminal.out.line({ text: "missing  ", style: "red" }, `${cid}: ${reason}`);
      }
    }
    return left.length === 0 ? 0 : exitCodeOf("incomplete");
  });
}
