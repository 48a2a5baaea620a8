/** An account as its own server shows it to its owner: what nobody else can ask. Nothing is changed there. */

import type { IdentityAnswers } from "../../account/answers.ts";
import { headAt } from "../../account/places.ts";
import { lackingParts, originOf } from "../../account/repair/lacking-parts.ts";
import { ifItIsYours, signIn } from "../../account/sign-in.ts";
import { isWebPast } from "../../account/web/past.ts";
import { expectedFailure, isDecampError } from "../../errors.ts";
import { parseRecommended } from "../../plc/update.ts";
import { isMissingMethod } from "../../services/servers/missing-method.ts";
import type { AccountStatus, Pds } from "../../services/servers/pds.ts";
import type { MigrationServices } from "../context.ts";
import { fine, found, type HealthCheck, type HealthCheckId, type Subject } from "./health.ts";
import type { Standing } from "./home-checks.ts";

/** What signing in may ask for. */
export type OwnerAnswers = Pick<
  IdentityAnswers,
  "authFactorCode" | "canAskAgain" | "sourcePassword" | "targetPassword"
>;

/** How the owner is asked. */
interface Asking {
  readonly owner: OwnerAnswers;
  /** Origin of the server that was named. */
  readonly from?: string | undefined;
}

/** What it takes to ask as the owner. */
interface Asked {
  readonly services: MigrationServices;
  readonly subject: Subject;
  readonly standing: Standing;
  /** Signed in. */
  readonly pds: Pds;
  readonly signal: AbortSignal;
}

/** Why nobody could sign in, if it is none of the owner's doing. */
export const reasonsOfServers = [
  "unreachable",
  "bad-answer",
  "server-refused",
  "rate-limited",
  "unsupported",
  "account-not-found",
  "account-unavailable",
  "account-unconfirmed",
] as const;

/**
 * Signs in at the server that the identity names, and asks what only the owner is told. An app password will do.
 *
 * @param others what was found without signing in, once it is there
 * @returns `sign-in` first; only that where nobody could sign in, and nothing where the identity names no server
 * @throws DecampError as `signIn`, where the password is the reason and not the server; and what reading it throws
 */
export async function checkAsOwner(
  services: MigrationServices,
  subject: Subject,
  standing: Standing,
  { owner, from }: Asking,
  others: Promise<readonly HealthCheck[]>,
  signal: AbortSignal,
): Promise<readonly HealthCheck[]> {
  if (standing.home === undefined) {
    return [];
  }
  const pds = services.openPds(standing.home.url);
  const { past, handle } = subject;
  const { state } = standing.home;
  if (state === "unreachable" || state === "absent") {
    const why = state === "absent" ? "does not have the account" : "does not answer";
    return [found("sign-in", "unknown", `What only its owner can see is not known: ${pds.host} ${why}.`)];
  }
  try {
    await signIn(services, pds, { past, handle, named: [from] }, owner, "sourcePassword", signal, true);
    const asked = { services, subject, standing, pds, signal };
    const status = pds.accountStatus(signal);
    status.catch(() => undefined); // whoever asks for it gets the error
    const how = pds.isAppPassword ? ", with an app password" : "";
    const checks = await Promise.all([
      checkEmail(asked),
      checkStatus(asked, status),
      ...(standing.active ? [checkHead(asked, status)] : []),
      checkOwnBlobs(asked, status, others),
      checkCredentials(asked),
      checkPreferences(asked),
    ]);
    return [fine("sign-in", `Signed in at ${pds.host}${how}.`), ...checks];
  } catch (error) {
    const isUnsettled = isDecampError(error, "refused") && error.data["reason"] === "unsettled-server";
    if (!isUnsettled && !isDecampError(error, ...reasonsOfServers)) {
      throw error;
    }
    signal.throwIfAborted();
    const { message, hint } = error;
    const help = isUnsettled ? ifItIsYours(pds) : hint;
    return [found("sign-in", "unknown", `What only its owner can see is not known. ${message}`, { help })];
  } finally {
    await pds.signOut();
  }
}

/** A finding, or that the server did not say it. @param whose what is asked for */
async function answered(
  id: HealthCheckId,
  whose: string,
  { pds, signal }: Asked,
  ask: () => Promise<HealthCheck>,
): Promise<HealthCheck> {
  try {
    return await ask();
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    return found(id, "unknown", `${whose} is not known: ${message}`, withOwnPassword(pds));
  }
}

function withOwnPassword({ isAppPassword }: Pds): Pick<HealthCheck, "help"> {
  return isAppPassword ? { help: "Some servers say it only to the account's own password." } : {};
}

async function checkEmail(asked: Asked): Promise<HealthCheck> {
  const { pds, signal } = asked;
  const whose = "Whether the e-mail address is confirmed";
  return answered("email", whose, asked, async () => {
    const { confirmed } = await pds.address(signal);
    switch (confirmed) {
      case true:
        return fine("email", `${pds.host} has the e-mail address of the account confirmed.`);
      case false:
        return found("email", "warning", `${pds.host} does not have the e-mail address of the account confirmed.`, {
          help: "Confirm it in the settings of your app: codes for a move and new passwords go there.",
        });
      default:
        return found("email", "unknown", `${whose} is not known: ${pds.host} does not say it.`, withOwnPassword(pds));
    }
  });
}

/** What the server calls the account to its owner, against what it calls it to everybody. */
async function checkStatus(asked: Asked, status: Promise<AccountStatus>): Promise<HealthCheck> {
  const { pds, subject, standing } = asked;
  return answered("owner-status", "How the account is by what the server says to its owner", asked, async () => {
    const { activated, validDid } = await status;
    if (activated === undefined) {
      return found(
        "owner-status",
        "unknown",
        `${pds.host} does not say to the owner whether the account is activated.`,
      );
    }
    if (!activated && standing.active) {
      const message = `${pds.host} says to everybody that the account is active, and to its owner that it is not activated.`;
      return found("owner-status", "fault", message, { help: `Ask the operator of ${pds.host}.` });
    }
    if (!activated) {
      const next = standing.home?.state === "deactivated" ? standing.where.next : undefined;
      return found("owner-status", "fault", `${pds.host} says to the owner, too, that it is not activated.`, {
        help: "This mends it:",
        next: next ?? ["account", "activate", subject.did],
      });
    }
    if (validDid === false) {
      const message = `${pds.host} has the account activated, and says that the identity does not name it as it needs.`;
      return found("owner-status", "warning", message, {
        help: "What it needs stands apart.",
      });
    }
    const order = validDid === true ? ", and finds the identity in order" : "";
    return fine("owner-status", `${pds.host} has the account activated${order}.`);
  });
}

/** The head that the owner is told, against the one that everybody gets. */
async function checkHead(asked: Asked, status: Promise<AccountStatus>): Promise<HealthCheck> {
  const { services, pds, subject, standing, signal } = asked;
  const { head, url = "" } = standing.home ?? {};
  return answered("owner-head", "Whether everybody gets what the owner has written", asked, async () => {
    const { repoCommit } = await status;
    if (repoCommit === undefined || head === undefined) {
      const who = repoCommit === undefined ? "to the owner" : "to everybody";
      return found("owner-head", "unknown", `${pds.host} does not show the newest commit ${who}.`);
    }
    let own: string | undefined = repoCommit;
    let everybodys: string | undefined = head.commit;
    if (own !== everybodys) {
      // Something may have been written in between: both are asked once more.
      everybodys = (await headAt(services.openPds(url), subject.did, signal))?.commit;
      own = (await pds.accountStatus(signal)).repoCommit;
    }
    const message = `${pds.host} gives everybody the commit ${everybodys ?? "of nobody"}, and tells the owner of ${own ?? "none"}.`;
    return own === everybodys
      ? fine("owner-head", "Everybody gets the newest commit that the owner is told of.")
      : found("owner-head", "fault", message, {
          help: `If you have written nothing just now, ask the operator of ${pds.host}.`,
        });
  });
}

/** What the server itself counts as missing. Some go on counting what no record needs any more. */
async function checkOwnBlobs(
  asked: Asked,
  status: Promise<AccountStatus>,
  others: Promise<readonly HealthCheck[]>,
): Promise<HealthCheck> {
  const { pds, subject, signal } = asked;
  return answered("owner-blobs", "Which blobs the server counts as missing", asked, async () => {
    const missing: string[] = [];
    for await (const cid of pds.listMissingBlobs(signal)) {
      missing.push(cid);
    }
    const { expectedBlobs, importedBlobs } = await status;
    const counts =
      expectedBlobs === undefined || importedBlobs === undefined
        ? ""
        : ` It counts ${expectedBlobs} that records name, and has ${importedBlobs}.`;
    const [first] = missing;
    if (first === undefined) {
      return fine("owner-blobs", `${pds.host} counts no blob as missing.${counts}`);
    }
    const says = `${pds.host} counts ${missing.length} blobs as missing, such as ${first}.${counts}`;
    const isSeenThere = (await others).some(({ id, state }) => id === "blobs" && state === "ok");
    return isSeenThere
      ? found("owner-blobs", "warning", `${says} Those that records need were there when asked for.`)
      : found("owner-blobs", "fault", `${says} Pictures or videos are missing in apps, if records still need them.`, {
          help: "This brings those that an archive here or a server where the account has lived still has. If your archive lies elsewhere, name its folder behind it:",
          next: ["blob", "push", subject.did],
        });
  });
}

/** What the server needs the identity to say, against what it says. */
async function checkCredentials(asked: Asked): Promise<HealthCheck> {
  const { pds, subject, standing, signal } = asked;
  const { did, past, signingKey } = subject;
  return answered("credentials", "What the server needs the identity to say", asked, async () => {
    const own = parseRecommended(await pds.recommendedCredentials(signal), !isWebPast(past));
    const repair = { help: "This lets the identity name what the server needs:", next: ["plc", "repair", did] };
    if (own.signingKey !== signingKey) {
      const message = `${pds.host} signs with ${own.signingKey}, and the identity names ${signingKey ?? "no signing key"}: others refuse what is written there.`;
      const publish = { help: "Publish a document that names the key of the server." };
      return found("credentials", "fault", message, isWebPast(past) ? publish : repair);
    }
    if (originOf(own.pds.endpoint) !== pds.origin) {
      const message = `${pds.host} calls itself ${own.pds.endpoint}, and the identity names ${pds.origin}.`;
      return found("credentials", "warning", message, {
        help: "If you know that as the address of your server: decamp plc repair --help.",
      });
    }
    if (isWebPast(past)) {
      return fine("credentials", "The document names the signing key and the address that the server has.");
    }
    const { pds: address, addRotationKeys } = lackingParts(past.head.operation, own, false);
    if (address !== undefined) {
      return found("credentials", "fault", `${pds.host} needs its address to be written as ${address}.`, repair);
    }
    if (addRotationKeys !== undefined) {
      const message = `No rotation key of ${pds.host} stands in the identity: that server cannot change its handle`;
      return standing.active
        ? found("credentials", "warning", `${message}, and may refuse to activate it again.`)
        : found("credentials", "fault", `${message}, and servers refuse to activate such an account.`, repair);
    }
    return fine("credentials", "The identity names the signing key, the address and a rotation key of the server.");
  });
}

async function checkPreferences(asked: Asked): Promise<HealthCheck> {
  const { pds, signal } = asked;
  return answered("preferences", "Whether the preferences can be read", asked, async () => {
    try {
      await pds.getPreferences(signal);
      return fine("preferences", `${pds.host} gives out the preferences of the account.`);
    } catch (error) {
      if (isMissingMethod(error)) {
        return found("preferences", "warning", `${pds.host} keeps no preferences.`);
      }
      throw error;
    }
  });
}
