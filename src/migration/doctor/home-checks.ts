/** The servers of an account as the doctor sees them: the one that its identity names, and those where it has lived. */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { askPlace, stateAt, type Place } from "../../account/places.ts";
import { isWebPast, type Past } from "../../account/web/past.ts";
import { homeBefore, homeOf, livesAt, serversOf, staysOf, whereIs, type Whereabouts } from "../../account/where.ts";
import { bytesText } from "../../data/bytes-text.ts";
import { expectedFailure } from "../../errors.ts";
import { documentUrl } from "../../identity/names.ts";
import { undoPower } from "../../plc/history.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { pdsOf, rotationKeysOf, signingKeyOf } from "../../plc/operation.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { MigrationServices } from "../context.ts";
import { hasMove } from "../journal.ts";
import { fine, found, shortKey, type HealthCheck, type Subject } from "./health.ts";
import { holdsServerKey, mayHoldKey } from "./key-checks.ts";

/** So many servers of the log are asked at most, the last ones. */
const mostServers = 8;
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

/** Whether the server that the identity names has the account active. @param places as `askElsewhere` gives them */
export async function checkHome(
  services: MigrationServices,
  { did, past }: Subject,
  { where, home }: Standing,
  places: readonly Elsewhere[],
  signal: AbortSignal,
): Promise<HealthCheck> {
  const { next } = where;
  if (home === undefined) {
    return noHome(did, past, places, timeAtDirectory(services));
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
        next === undefined ? activation(did, past) : mend(next),
      );
    case "absent":
      return found(
        "home",
        "fault",
        `The identity names ${host}, which does not have the account: nobody can see it.`,
        // An undo leads to the server before, which has to have it.
        next !== undefined && ["active", "deactivated"].includes(where.source?.state ?? "")
          ? byUndo(next, where)
          : wayElsewhere(did, past, places, `Ask the operator of ${host}.`),
      );
    case "unreachable":
      return found("home", "fault", `${host}, which the identity names, does not answer.`, {
        ...wayElsewhere(
          did,
          past,
          places,
          `It may come back: look again.${isWebPast(past) ? "" : " If you know a new address of it: decamp plc repair --help."}`,
        ),
      });
    case "unknown":
      return found("home", "unknown", `${host} does not say how the account is there.`);
    default:
      return found(
        "home",
        "fault",
        `${host} ${saidAs[home.state] ?? `says of the account: ${home.state}`}. Nobody can see it.`,
        lockedOut(did, past, host, home.state),
      );
  }
}

/** The way back to the server before, for whoever holds a key that can sign it. */
function byUndo(next: readonly string[], { undo, source }: Whereabouts): Pick<HealthCheck, "help" | "next"> {
  const keys = undo?.keys.map(shortKey).join(" or ") ?? "";
  const host = source === undefined ? "the server before" : new URL(source.url).host;
  return { help: `${host} still has it. With the rotation key ${keys} this lets the identity name that again:`, next };
}

/** What its owner can still do where the server does not let the account be seen. */
function lockedOut(did: string, past: Past, host: string, state: string): Pick<HealthCheck, "help" | "next"> {
  const help = `Ask the operator of ${host} why.`;
  if (state !== "takendown" && state !== "suspended") {
    return { help };
  }
  const leave = isWebPast(past) || mayHoldKey(past) ? ", from which decamp restore can bring it to another server" : "";
  return {
    help: `${help} Many servers still give it out to its owner. This makes an archive of it${leave}:`,
    next: ["export", did, "--sign-in"],
  };
}

/** Words of the protocol, and what they say. */
const saidAs: Readonly<Partial<Record<string, string>>> = {
  takendown: "has taken the account down",
  suspended: "has suspended the account",
  deleted: "says that the account was deleted",
  desynchronized: "says that it has not all of the account",
  throttled: "says that it has the account throttled",
};

/** The identity names no server, or an address that is none. @param now epoch milliseconds by the directory's clock */
function noHome(did: string, past: Past, places: readonly Elsewhere[], now: number): HealthCheck {
  const message = "The identity names no server that can be used: nobody can find the account.";
  const arrival = isWebPast(past) ? undefined : staysOf(past).at(-1)?.arrival;
  const undo = arrival === undefined || isWebPast(past) ? undefined : undoPower(past, arrival.cid);
  return arrival !== undefined && undo !== undefined && undo.until >= now
    ? found("home", "fault", message, {
        help: `The change of ${arrival.createdAt} made it so. Until ${new Date(undo.until).toISOString()} a rotation key of yours that stood above the one that signed it can take that back:`,
        next: ["plc", "recover", did, "--operation", arrival.cid],
      })
    : found("home", "fault", message, wayElsewhere(did, past, places, ""));
}

/** What can be done where the home of an account does not help: who still has the account, and who can sign. */
function wayElsewhere(
  did: string,
  past: Past,
  places: readonly Elsewhere[],
  first: string,
): Pick<HealthCheck, "help" | "next"> {
  if (isWebPast(past)) {
    const publish = `If another server has it, publish at ${documentUrl(did)} a document that names that one.`;
    return {
      help: `${first} ${publish} With an archive, decamp restore brings the account to another server.`.trim(),
    };
  }
  const active = places.find(({ state }) => state === "active");
  const asleep = places.find(({ state }) => state === "deactivated");
  const there = active ?? asleep;
  const named = `decamp plc repair ${did} --server ${active?.url ?? ""} --archive DIR`;
  const way =
    active !== undefined
      ? `${active.host} has the account active. With an archive of it, ${named} lets the identity name that again, if you or that server hold a rotation key that is in it.`
      : mayHoldKey(past)
        ? `With your rotation key and an archive, decamp restore brings the account to another server.`
        : `No rotation key of your own is in the identity, as far as its log shows: only who holds one can move it, most likely the operator of the server that it names.`;
  const still = active === undefined && asleep !== undefined ? ` ${asleep.host} still has it, deactivated.` : "";
  return there === undefined
    ? { help: `${first} ${way}`.trim() }
    : {
        help: `${first} ${way}${still} This makes an archive of what is there:`.trim(),
        next: ["export", did, "--from", there.url, ...(active === undefined ? ["--sign-in"] : [])],
      };
}

/** What makes an account active again where it lives; first what such a server may refuse it for. */
function activation(did: string, past: Past): Pick<HealthCheck, "help" | "next"> {
  return isWebPast(past) || rotationKeysOf(past.head.operation).length === 0 || !mayBeRefused(past)
    ? mend(["account", "activate", did])
    : {
        help: `The identity does not say all as it did when the account came there, and many servers refuse to activate such an account. This lets it say what the server needs; after that comes decamp account activate:`,
        next: ["plc", "repair", did],
      };
}

/**
 * Whether the signing key is another than when the account came to its server, no key of a server is left, or the
 * address is not written as servers write theirs.
 */
function mayBeRefused(log: VerifiedLog): boolean {
  const { operation } = log.head;
  const { arrival, server } = staysOf(log).at(-1) ?? {};
  const address = pdsOf(operation);
  const hasOtherKey = arrival !== undefined && signingKeyOf(arrival.operation) !== signingKeyOf(operation);
  return !holdsServerKey(log) || hasOtherKey || address !== server;
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
  { where, active: isActive }: Standing,
  places: readonly Elsewhere[],
): HealthCheck | undefined {
  const { home } = where;
  if (places.length === 0) {
    return undefined;
  }
  const active = places.find(({ state }) => state === "active");
  if (active !== undefined && (!isActive || where.state === "switched-empty")) {
    const message = `${active.host}, where the account has lived, has it active, and the server that the identity names has not.`;
    return found("elsewhere", "warning", message, {
      help: "It may be the only whole one: leave it as it is until the line about the server is settled.",
    });
  }
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
