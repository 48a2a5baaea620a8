/** Whether the password of an account may go to the server that its identity names. */
import type { LocatedAccount } from "../../account/find.ts";
import type { AccountServices } from "../../account/services.ts";
import { unsettledServers } from "../../account/watch/unsettled-servers.ts";
import { readableManifests } from "../../archive/manifest.ts";
import { DecampError } from "../../errors.ts";

/**
 * Makes sure that a job which nobody watches does not hand the password to whoever has taken the identity: not to a
 * server that the archive does not come from, and that only an operation of the last 72 hours has named which decamp is
 * not known to have made here.
 *
 * @throws DecampError `refused`; `storage`; the signal's reason
 */
export async function requireKnownServer(
  archive: string,
  { did, pds, log }: Pick<LocatedAccount, "did" | "pds" | "log">,
  services: Pick<AccountServices, "now" | "clockOffset" | "directory"> & { readonly stateDir: string },
  signal: AbortSignal,
): Promise<void> {
  const before = (await readableManifests(archive)).at(-1);
  if (log === undefined || before === undefined || before.source === pds) {
    return;
  }
  if (!(await unsettledServers(services, log.verified, services.stateDir, signal)).includes(pds)) {
    return;
  }
  const { host } = new URL(pds);
  throw new DecampError(
    "refused",
    `In the last 72 hours somebody has let the identity name ${host}, and decamp has not done that on this machine. The password was not sent there.`,
    {
      hint: `If you have moved there, name it with --from ${pds}. If it was not you, this shows what happened, and the way back:`,
      data: { host, next: ["doctor", did] },
    },
  );
}
