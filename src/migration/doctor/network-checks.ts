/** An account as the network has it: whether the relay carries it, and what the AppView shows of it. */

import { isDecampError } from "../../errors.ts";
import { headAt } from "../../account/places.ts";
import { timeOfRev } from "../../repo/head.ts";
import type { AppView } from "../../services/servers/app-view.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { Relay } from "../../services/servers/relay.ts";
import { fine, found, type HealthCheck, type HealthCheckId } from "./health.ts";

/** How long one of them may take to answer (milliseconds): nothing depends on it. */
const deadline = 15_000;
/** How long a relay or an AppView may be behind before that is a fault (milliseconds). */
const patience = 600_000;

/** What is known of the account, and of the server that its identity names. */
export interface Carried {
  readonly did: string;
  readonly handle: string | undefined;
  readonly pds: Pds;
  /** Revision of the head there, if it shows one. */
  readonly rev: string | undefined;
  /** Whether the server has the account active. */
  readonly active: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** What a relay says of the server: it limits how many new accounts of one it carries. */
export async function checkRelayHost(
  relay: Relay,
  { pds, signal }: Pick<Carried, "pds" | "signal">,
): Promise<HealthCheck> {
  const whose = `What the relay says of ${pds.host}`;
  return answered("relay-host", { whose, host: relay.host, signal }, async (stop) => {
    const said = await relay.hostStatus(pds.host, stop);
    if (said === undefined) {
      return found("relay-host", "fault", `The relay ${relay.host} does not know ${pds.host}.`, {
        help: `Nobody sees what is written there. Ask the operator of ${pds.host}, who can ask the relay to come.`,
      });
    }
    const { status = "no status", accounts } = said;
    const what = `The relay ${relay.host} calls ${pds.host} ${status}${accounts === undefined ? "" : `, with ${accounts} accounts`}.`;
    if (status === "throttled" || status === "banned") {
      return found("relay-host", "fault", `${what} What is written there may be seen by nobody.`, {
        help: `Ask the operator of ${pds.host}, or of the relay.`,
      });
    }
    if (status === "offline") {
      return found(
        "relay-host",
        "fault",
        `${what} It does not reach that server, so nobody sees what is written there.`,
        {
          help: `Ask the operator of ${pds.host}, who can ask the relay to come.`,
        },
      );
    }
    return status === "active" || status === "no status"
      ? fine("relay-host", what)
      : found("relay-host", "warning", what, { help: "Look again when something was written there." });
  });
}

/** What a relay says of the account itself, which is what counts. */
export async function checkRelay(relay: Relay, carried: Carried): Promise<HealthCheck> {
  const { did, pds, rev, active, now, signal } = carried;
  const whose = "What the relay says of the account";
  return answered("relay", { whose, host: relay.host, signal }, async (stop) => {
    const said = await relay.accountStatus(did, stop);
    if (said === undefined && !active) {
      return found("relay", "warning", `The relay ${relay.host} does not know the account, which nobody can see now.`, {
        help: "First settle what is said of its server.",
      });
    }
    if (said === undefined) {
      return found("relay", "fault", `The relay ${relay.host} does not know the account: nobody sees what it writes.`, {
        help: `A relay learns of an account when something is written. If it stays like this after a post, ask the operator of ${pds.host}.`,
      });
    }
    if (!said.active && active) {
      const status = said.status ?? "not active";
      const message = `The relay ${relay.host} has the account as ${status}, and ${pds.host} has it active: nobody sees what it writes.`;
      return found("relay", "fault", message, { help: helpAtRelay(status, relay.host, pds.host) });
    }
    if (said.rev !== undefined && rev !== undefined && said.rev > rev) {
      // It may have been written since the server was asked.
      const { rev: newest = rev } = (await headAt(pds, did, stop)) ?? {};
      if (said.rev > newest) {
        const message = `The relay ${relay.host} has seen a newer revision, ${said.rev}, than ${pds.host} has, ${newest}.`;
        return found(
          "relay",
          "fault",
          `${message} The server may have been set back to a backup: what was written in between is missing there, and relays refuse what comes now.`,
          {
            help: `Ask the operator of ${pds.host}. Keep every archive of the account: it may have what is missing.`,
          },
        );
      }
    }
    if (said.rev !== undefined && rev !== undefined && said.rev < rev) {
      const message = `The relay ${relay.host} is behind: it has seen the revision ${said.rev}, and ${pds.host} is at ${rev}.`;
      return isOld(rev, now)
        ? found("relay", "fault", message, { help: `Ask the operator of ${pds.host}.` })
        : found("relay", "warning", message, { help: "That was written a moment ago: look again." });
    }
    return fine("relay", `The relay ${relay.host} carries the account.`);
  });
}

/** Whom to ask about an account that a relay does not carry. */
function helpAtRelay(status: string, relay: string, server: string): string {
  switch (status) {
    case "throttled":
      return `The relay carries only so many new accounts of one server, and a throttled one stays so, also once there is room again. Ask the operator of ${server} to have the limit raised at ${relay}, and this account let through.`;
    case "deactivated":
    case "desynchronized":
      return `It may have missed that something changed. Write something, wait for some minutes, and look again. If it stays so, ask the operator of ${server} to have the server announce the account anew, or that of ${relay}.`;
    default:
      return `Ask the operator of ${relay}.`;
  }
}

/** What people see of the account in their apps. */
export async function checkAppView(view: AppView, carried: Carried): Promise<HealthCheck> {
  const { did, handle, pds, active, now, signal } = carried;
  const whose = "What people see of the account";
  return answered("app-view", { whose, host: view.host, signal }, async (stop) => {
    const profile = await view.profile(did, stop);
    if ("hidden" in profile) {
      return found("app-view", "fault", `${view.host} shows no profile of the account: ${profile.hidden}.`, {
        help: active
          ? "If all above is right, write something, wait for some minutes, and look again."
          : "It follows the server that the identity names: see there.",
      });
    }
    const { followers, follows } = profile;
    if (handle !== undefined && profile.handle.toLowerCase() !== handle) {
      return found("app-view", "fault", `${view.host} shows the account as ${profile.handle}, and not as ${handle}.`, {
        help: "It looks again within a day, or when something about the identity changes.",
      });
    }
    const [newest] = active ? await pds.newestRecords(did, "app.bsky.feed.post", 1, stop) : [];
    if (newest !== undefined && !(await view.hasPost(newest, stop))) {
      const message = `${view.host} does not have the newest post, ${newest}.`;
      return isOld(newest.slice(newest.lastIndexOf("/") + 1), now)
        ? found("app-view", "fault", message, { help: "What is written does not get there: see what the relay says." })
        : found("app-view", "warning", message, { help: "It was written a moment ago: look again." });
    }
    const seen = followers === undefined || follows === undefined ? "" : `, ${followers} followers, follows ${follows}`;
    return fine("app-view", `${view.host} shows the account as ${profile.handle}${seen}.`);
  });
}

/** Whether what a revision or a key names was not a moment ago. A key may name any time, a future one, too. */
function isOld(tid: string, now: number): boolean {
  const time = timeOfRev(tid);
  return time === undefined || Math.abs(now - Date.parse(time)) > patience;
}

/** A finding, or that nobody answered in time. @param whose what is asked for: an address says nothing to a person */
async function answered(
  id: HealthCheckId,
  { whose, host, signal }: { readonly whose: string; readonly host: string; readonly signal: AbortSignal },
  ask: (stop: AbortSignal) => Promise<HealthCheck>,
): Promise<HealthCheck> {
  const limit = AbortSignal.timeout(deadline);
  try {
    return await ask(AbortSignal.any([signal, limit]));
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) {
      return found(id, "unknown", `${whose} is not known: ${host} gave no answer within the time limit.`);
    }
    if (!isDecampError(error)) {
      throw error;
    }
    return found(id, "unknown", `${whose} is not known: ${error.message}`);
  }
}
