/** `decamp blob get`: blobs that an archive lacks, from the servers that may have them. */
import { exitCodeOf } from "../../errors.ts";
import { getBlobs } from "../../migration/afterwards/get-blobs.ts";
import type { Edge, Invocation } from "../command.ts";
import type { GiverFlags } from "../shape.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { tellDocument } from "../talk/terminal.ts";
import { isOrAre, nextOf, tellLeft, withKeepers } from "./keepers.ts";

/** Runs `decamp blob get`. Exit code 6 if the archive still lacks some. */
export async function blobGetCommand(invocation: Invocation<GiverFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const [account = "", named] = invocation.args;
  return withKeepers(invocation, edge, async ({ services, keepers, servers, globals, signal }) => {
    const { stateDir } = services;
    const done = await getBlobs(services, keepers, { account, archive: named, servers, stateDir }, signal);
    const { archive, missing, got, left } = done;
    const next = nextOf(invocation, globals, "get", done);
    const document = {
      type: "result",
      version: 1,
      command: "blob get",
      ...done,
      ...(next === undefined ? {} : { next }),
    };
    if (!tellDocument(terminal, globals.json, document) && (!globals.quiet || left.length > 0)) {
      terminal.out.line(
        missing === 0
          ? `${archive} lacks no blob that its records need.`
          : `${archive} lacked ${plural(missing, "blob")}. ${isOrAre(got.length)} there now, hashed.`,
      );
      tellLeft(terminal, done, next);
    }
    return left.length === 0 ? 0 : exitCodeOf("incomplete");
  });
}
