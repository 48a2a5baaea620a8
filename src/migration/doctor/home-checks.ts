/** The servers of an account as the doctor sees them: the one that its identity names, and those where it has lived. */

import { askPlace, commitAt, stateAt, type Place } from "../../account/places.ts";
import { isWebPast } from "../../account/web/past.ts";
import { homeBefore, homeOf, livesAt, serversOf, whereIs, type Whereabouts } from "../../account/where.ts";
import { bytesText } from "../../data/bytes-text.ts";
import { expectedFailure } from "../../errors.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { signingKeyOf } from "../../plc/operation.ts";
import { proveCommit } from "../../repo/commit-proof.ts";
import { timeOfRev } from "../../repo/head.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { MigrationServices } from "../context.ts";
import { hasMove } from "../journal.ts";
import { fine, found, type HealthCheck, type Subject } from "./health.ts";

/** So many servers of the log are asked at most, the last ones. */
const mostServers = 8;
/** The clocks of a server and of the directory differ by less, as a rule (milliseconds). */
const slack = 5000;

/** Where the account is: by the server that the identity names, of which more is asked, and by the one before. */
export interface Standing {
  readonly where: Whereabouts;
  /** The server that the identity names, if it names one. */
  readonly home: Place | undefined;
  /** Whether that has the account active. */
  readonly active: boolean;
}

/** A server where the account has lived, and what it says. */
export interface Elsewhere extends Pick<Place, "url" | "state"> {
  readonly host: string;
  /** Whether this machine has the journal of the move from there to where the account lives. */
  readonly isJournalled: boolean;
}

/** Asks them. */
export async function askStanding(
  services: MigrationServices,
  { did, past }: Subject,
  signal: AbortSignal,
): Promise<Standing> {
  const url = homeOf(past);
  const source = homeBefore(past);
  const move = url === undefined || source === undefined ? undefined : { source, target: url };
  // One where it lives no more may be gone for good: all else would wait for it.
  const where = await whereIs(services, past, move, signal, { attempts: 2 });
  const known = [where.source, where.target].find((place) => place?.url === url);
  const home = url === undefined ? undefined : (known ?? (await askPlace(services.openPds(url), did, signal)));
  return { where, home, active: home?.state === "active" };
}

/** Whether the server that the identity names has the account active. */
export async function checkHome(
  services: MigrationServices,
  did: string,
  { where, home }: Standing,
  signal: AbortSignal,
): Promise<HealthCheck> {
  const { next } = where;
  if (home === undefined) {
    return found("home", "fault", "The identity names no server: the account is nowhere.", {
      help: "With a rotation key and an archive, decamp restore brings it to a server.",
    });
  }
  const pds = services.openPds(home.url);
  const { host } = pds;
  switch (home.state) {
    case "active": {
      const [version, limits] = await Promise.all([pds.version(signal), limitsOf(pds, signal)]);
      const what = version === undefined ? host : `${host} (version ${version})`;
      return where.state === "switched-empty"
        ? found("home", "fault", `${what} has the account active, and its repository is empty.`, mend(next))
        : fine("home", `The identity names ${what}, which has the account active.${limits}`);
    }
    case "deactivated":
      return found(
        "home",
        "fault",
        `${host} has the account deactivated: nobody can see it.`,
        mend(next ?? ["account", "activate", did]),
      );
    case "absent":
      return found("home", "fault", `The identity names ${host}, which does not have the account: nobody can see it.`, {
        ...mend(next),
        ...(next === undefined
          ? { help: `Ask the operator of ${host}. With a rotation key and an archive, decamp restore brings it back.` }
          : {}),
      });
    case "unreachable":
      return found("home", "fault", `${host}, which the identity names, does not answer.`, {
        help: "If it stays like this, decamp restore brings the account from an archive to another server.",
      });
    case "unknown":
      return found("home", "unknown", `${host} does not say how the account is there.`);
    default:
      return found("home", "fault", `${host} says of the account: ${home.state}. Nobody can see it.`, {
        help: `Ask the operator of ${host} why.`,
      });
  }
}

/** What a server says of its own limits, in sentences; nothing of what it does not say. */
async function limitsOf(pds: Pds, signal: AbortSignal): Promise<string> {
  try {
    const { inviteCodeRequired, phoneVerificationRequired, blobUploadLimit } = await pds.describe(signal);
    const { limit, window } = pds.usualAllowance ?? {};
    const gates = [
      ...(inviteCodeRequired ? ["an invite code"] : []),
      ...(phoneVerificationRequired ? ["a phone number or a captcha"] : []),
    ];
    return [
      ` New accounts need ${gates.length === 0 ? "no invite code" : gates.join(" and ")} there.`,
      blobUploadLimit === undefined ? "" : ` It takes pictures and videos of up to ${bytesText(blobUploadLimit)}.`,
      limit === undefined || window === undefined
        ? ""
        : ` It answers ${limit} requests in ${Math.round(window / 1000)} seconds.`,
    ].join("");
  } catch (error) {
    expectedFailure(error, signal);
    return "";
  }
}

function mend(next: readonly string[] | undefined): { help?: string; next?: readonly string[] } {
  return next === undefined ? {} : { help: "This mends it:", next };
}

/** Origins of the servers where the account has lived and does not live now, the last ones; none of a did:web. */
export function earlierHomes({ past }: Pick<Subject, "past">): readonly string[] {
  return isWebPast(past)
    ? []
    : serversOf(past)
        .filter((url) => !livesAt(past, url))
        .slice(0, mostServers);
}

/**
 * What the servers say where the account has lived and does not live now. Never fails but for the signal.
 *
 * @param stateDir folder of the state, with the journals of this machine; none are looked for without it
 */
export async function askElsewhere(
  services: MigrationServices,
  subject: Subject,
  { where }: Standing,
  stateDir: string | undefined,
  signal: AbortSignal,
): Promise<readonly Elsewhere[]> {
  const known = new Map([where.source, where.target].map((place) => [place?.url, place?.state]));
  return Promise.all(
    earlierHomes(subject).map(async (url) => {
      const pds = services.openPds(url);
      const state = known.get(url) ?? (await stateAt(pds, subject.did, signal, { attempts: 1 }));
      const move = { source: url, target: where.home ?? "" };
      const isJournalled = state === "active" && stateDir !== undefined && (await hasMove(stateDir, subject.did, move));
      return { url, host: pds.host, state, isJournalled };
    }),
  );
}

/** Whether a server where the account has lived still has it active. @param places as `askElsewhere` gives them */
export function checkElsewhere(
  { did }: Subject,
  { where }: Standing,
  places: readonly Elsewhere[],
): HealthCheck | undefined {
  const { home } = where;
  if (places.length === 0) {
    return undefined;
  }
  const active = places.find(({ state }) => state === "active");
  if (active !== undefined) {
    const message = `The account is still active at ${active.host}, where it does not live any more.`;
    return found("elsewhere", "fault", `${message} Apps that are signed in there write what nobody sees.`, {
      help: "This looks whether all of it has come along, and deactivates it there:",
      next:
        active.isJournalled && home !== undefined
          ? ["migrate", did, "--from", active.url, "--to", home]
          : ["account", "deactivate", did, "--server", active.url],
    });
  }
  const silent = places.filter(({ state }) => state === "unreachable" || state === "unknown");
  if (silent.length > 0) {
    const names = silent.map(({ host, state }) => `${host} (${state})`).join(", ");
    return found("elsewhere", "warning", `Whether it is still active where it has lived is not known of ${names}.`, {
      help: "If that server is gone for good, nothing has to be done.",
    });
  }
  return fine(
    "elsewhere",
    `No server where it has lived has it active: ${places.map(({ host, state }) => `${host} (${state})`).join(", ")}.`,
  );
}

/** When the key that is named now began to be named (ISO 8601). */
function namedSince({ entries }: VerifiedLog, named: string | undefined): string | undefined {
  const chain = entries.filter(({ nullified }) => !nullified);
  const before = chain.findLastIndex(({ operation }) => signingKeyOf(operation) !== named);
  return chain[before + 1]?.createdAt;
}

/** Whether the head of the repository is signed with a key of the identity. */
export async function checkSignature(
  services: MigrationServices,
  { did, past, signingKey: named }: Subject,
  home: string,
  signal: AbortSignal,
): Promise<HealthCheck> {
  const pds = services.openPds(home);
  try {
    const commit = await commitAt(pds, did, signal);
    if (commit === undefined) {
      return found("signature", "unknown", `${pds.host} does not show the head of the repository.`);
    }
    const { signingKey, rev } = await proveCommit(commit, did, past.signingKeys);
    if (signingKey === named) {
      return fine(
        "signature",
        `The repository is signed with the key that the identity names. Its revision is ${rev}.`,
      );
    }
    const since = isWebPast(past) ? undefined : namedSince(past, named);
    const written = timeOfRev(rev);
    const isStale = since === undefined || written === undefined || Date.parse(written) <= Date.parse(since) + slack;
    return isStale
      ? found("signature", "warning", "The repository is signed with a key that the identity named before.", {
          help: "After a move that is so until something is written: post something.",
        })
      : found(
          "signature",
          "fault",
          `${pds.host} signs with ${signingKey}, and the identity names another key since ${since}.`,
          {
            help: "Relays refuse what is written there. This lets the identity name the key that the server has:",
            next: ["plc", "repair", did],
          },
        );
  } catch (error) {
    const { code, message } = expectedFailure(error, signal);
    return code === "damaged"
      ? found("signature", "fault", `${pds.host} signs the repository with a key that the identity has never named.`, {
          help: "Relays refuse what is written there. This asks the server for its key, proves it, and lets the identity name it:",
          next: ["plc", "repair", did],
        })
      : found("signature", "unknown", `With which key the repository is signed is not known: ${message}`);
  }
}
