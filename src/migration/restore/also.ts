/** What `--also` names: a server, or another archive. */

import type { Manifest } from "../../archive/manifest.ts";
import { openSnapshot } from "../../archive/open.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { isHandle } from "../../identity/names.ts";
import { isThere } from "../../services/disk/files.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { Context } from "../context.ts";

/** Where something may be that the archive lacks. */
export type Also =
  | { readonly kind: "server"; readonly pds: Pds }
  | { readonly kind: "archive"; readonly archive: string; readonly manifest: Manifest };

/** @throws DecampError what is wrong with the address; `unreadable-file`, `incomplete`, `damaged` for the archive */
export async function openAlso(
  { services, options }: Pick<Context, "services" | "options">,
  what: string,
): Promise<Also> {
  if (/^https?:\/\//i.test(what)) {
    return { kind: "server", pds: services.openPds(parseServerUrl(what, options)) };
  }
  try {
    return { kind: "archive", ...(await openSnapshot(what)) };
  } catch (error) {
    if (!isDecampError(error, "unreadable-file") || (await isThere(what))) {
      throw error;
    }
    throw new DecampError("unreadable-file", `--also ${what}: there is no such folder.`, {
      hint: isHandle(what.toLowerCase().replace(/:\d+$/, "")) // a name of the same form
        ? `If it is a server, give its whole address: --also https://${what}`
        : "Give the folder of another archive, or the whole address of a server, with https://.",
      data: { path: what },
      cause: error,
    });
  }
}
