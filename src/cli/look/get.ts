/** `decamp blob get`: blobs that an archive lacks, from the servers that may have them. */
import { exitCodeOf } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { getBlobs } from "../../migration/afterwards/get-blobs.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { servicesFor } from "../services.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { stoppable, tellStopping } from "../talk/signals.ts";
import { tellDocument } from "../talk/terminal.ts";
import type { GetFlags } from "./declare.ts";

/** Runs `decamp blob get`. Exit code 6 if the archive still lacks some. */
export async function blobGetCommand(
  { args, flags, globals: raw }: Invocation<GetFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [account = "", archive = ""] = args;
  const servers = (flags.from ?? []).map((url) => parseServerUrl(url, globals));
  const services = servicesFor(globals, terminal);
  try {
    const done = await stoppable(
      async (signal) => getBlobs(services, { account, archive, servers }, signal),
      tellStopping(terminal, globals),
    );
    const { missing, got, left } = done;
    const document = { type: "result", version: 1, command: "blob get", ...done };
    if (!tellDocument(terminal, globals.json, document) && (!globals.quiet || left.length > 0)) {
      terminal.out.line(
        missing === 0
          ? `${archive} lacks no blob that its records need.`
          : `${archive} lacked ${plural(missing, "blob")}. ${got.length} are there now, hashed.`,
      );
      for (const { cid, reason } of left) {
        terminal.out.line({ text: "missing  ", style: "red" }, `${cid}: ${reason}`);
      }
    }
    return left.length === 0 ? 0 : exitCodeOf("incomplete");
  } finally {
    services.close();
  }
}
