/** `decamp blob push`: blobs that the server of an account lacks, from an archive or another server. */
import { pushBlobs } from "../../migration/afterwards/push-blobs.ts";
import { exitCodeOf } from "../../errors.ts";
import type { Edge, Invocation } from "../command.ts";
import type { GiverFlags } from "../shape.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { tellDocument } from "../talk/terminal.ts";
import { isOrAre, nextOf, tellLeft, withKeepers } from "./keepers.ts";

/** Runs `decamp blob push`. Exit code 6 if the server still lacks some. */
export async function blobPushCommand(invocation: Invocation<GiverFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const [account = "", archive] = invocation.args;
  return withKeepers(invocation, edge, async ({ services, answers, keepers, servers, globals, signal }) => {
    const { allowPrivateHosts, json, quiet } = globals;
    const request = { account, archive, servers, allowPrivateHosts, stateDir: services.stateDir };
    const done = await pushBlobs(services, answers, keepers, request, signal);
    const { handle, server, missing, pushed, left } = done;
    const next = nextOf(invocation, globals, "push", done);
    const document = {
      type: "result",
      version: 1,
      command: "blob push",
      ...done,
      ...(next === undefined ? {} : { next }),
    };
    if (!tellDocument(terminal, json, document) && (!quiet || left.length > 0)) {
      terminal.out.line(
        missing === 0
          ? `${server} lacks no blob of ${handle}.`
          : `${server} lacked ${plural(missing, "blob")} of ${handle}. ${isOrAre(pushed.length)} there now, read back and hashed.`,
      );
      tellLeft(terminal, done, next);
      if (left.length > 0 && done.archive === undefined) {
        terminal.out.line("No archive of it was found. If you have one, name its folder behind the account.");
      }
    }
    return left.length === 0 ? 0 : exitCodeOf("incomplete");
  });
}
