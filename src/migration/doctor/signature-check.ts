/** The newest commit of the repository as the doctor sees it: whose it is, who signed it, and of when it says it is. */

import { timeAtDirectory } from "../../account/directory-time.ts";
import { commitAt } from "../../account/places.ts";
import { isWebPast } from "../../account/web/past.ts";
import { staysOf } from "../../account/where.ts";
import { expectedFailure, isDecampError } from "../../errors.ts";
import { documentUrl } from "../../identity/names.ts";
import type { VerifiedLog } from "../../plc/log.ts";
import { signingKeyOf } from "../../plc/operation.ts";
import { proveCommit, type ProvedCommit } from "../../repo/commit-proof.ts";
import { isFutureRev } from "../../repo/commit.ts";
import { timeOfRev } from "../../repo/head.ts";
import type { MigrationServices } from "../context.ts";
import { fine, found, type HealthCheck, type Subject } from "./health.ts";

/** What is known of clocks is exact to less (milliseconds). */
const slackHere = 5000;
/** A clock of which nothing is known differs by less, as a rule (milliseconds). */
const slackElsewhere = 10 * 60_000;

/** The rules that a commit breaks whose signature is by no key of the account. */
const signatureRules: ReadonlySet<string> = new Set(["commit/signature", "commit/high-s", "commit/sig"]);

/** Whether the head of the repository is signed with a key of the identity. */
export async function checkSignature(
  services: MigrationServices,
  subject: Subject,
  home: string,
  signal: AbortSignal,
): Promise<HealthCheck> {
  const pds = services.openPds(home);
  try {
    const commit = await commitAt(pds, subject.did, signal);
    return commit === undefined
      ? found("signature", "unknown", `${pds.host} does not show the head of the repository.`)
      : await judgeHead(services, subject, { commit, host: pds.host, home });
  } catch (error) {
    const { message } = expectedFailure(error, signal);
    return found("signature", "unknown", `With which key the repository is signed is not known: ${message}`);
  }
}

/** What a server gives out as the newest commit of an account. */
export interface GivenHead {
  /** A CAR file of its own. */
  readonly commit: Uint8Array;
  readonly host: string;
  /** Origin. */
  readonly home: string;
}

/** What is to be said of a newest commit. */
export async function judgeHead(
  services: Pick<MigrationServices, "clockOffset" | "directory" | "now">,
  { did, past, signingKey: named }: Subject,
  { commit, host, home }: GivenHead,
): Promise<HealthCheck> {
  const refuse = "Relays refuse what is written there.";
  const repair = (help: string): Pick<HealthCheck, "help" | "next"> =>
    isWebPast(past)
      ? {
          help: `${refuse} This says which key the server has. Then publish at ${documentUrl(did)} a document that names it:`,
          next: ["doctor", did, "--sign-in"],
        }
      : { help: `${refuse} ${help}`, next: ["plc", "repair", did] };
  const ask = "This asks the server for its key, proves it, and lets the identity name it:";
  if (named === undefined) {
    return found("signature", "fault", "The identity names no signing key that can be used.", repair(ask));
  }
  let proved: ProvedCommit;
  try {
    proved = await proveCommit(commit, did, past.signingKeys);
  } catch (error) {
    if (!isDecampError(error, "damaged")) {
      throw error;
    }
    if (!signatureRules.has(String(error.data["rule"]))) {
      const message = `${host} gives out something else as the newest commit. ${error.message}`;
      return found("signature", "fault", message, {
        help: `Ask the operator of ${host}. Keep every archive of the account, and what other servers have of it.`,
      });
    }
    const whose = isWebPast(past) ? "another key than the document names" : "a key that the identity has never named";
    return found("signature", "fault", `${host} signs the repository with ${whose}.`, repair(ask));
  }
  const { signingKey, rev } = proved;
  if (isFutureRev(rev, timeAtDirectory(services))) {
    const message = `The revision of the newest commit, ${rev}, is of a time to come: ${timeOfRev(rev) ?? ""}.`;
    return found("signature", "fault", `${message} Relays need not take such a one, nor what is written after it.`, {
      help: `Ask the operator of ${host}, whose clock was ahead when that was written.`,
    });
  }
  if (signingKey === named) {
    return fine("signature", `The repository is signed with the key that the identity names. Its revision is ${rev}.`);
  }
  const since = isWebPast(past) ? undefined : namedSince(past, named);
  const isStale = isWebPast(past) || since === undefined || isOlder(services, past, { signingKey, rev, since, home });
  return isStale
    ? found("signature", "warning", "The repository is signed with a key that the identity named before.", {
        help: "After a move that is so until something is written: post something.",
      })
    : found(
        "signature",
        "fault",
        `${host} signs with ${signingKey}, and the identity names another key since ${since}.`,
        repair("This lets the identity name the key that the server has:"),
      );
}

/** When the key that is named now began to be named (ISO 8601). */
function namedSince({ entries }: VerifiedLog, named: string | undefined): string | undefined {
  const chain = entries.filter(({ nullified }) => !nullified);
  const before = chain.findLastIndex(({ operation }) => signingKeyOf(operation) !== named);
  return chain[before + 1]?.createdAt;
}

/** Whether a commit that an earlier key has signed was written before the key that is named now began to be. */
export function isOlder(
  { clockOffset, directory }: Pick<MigrationServices, "clockOffset" | "directory">,
  log: VerifiedLog,
  { signingKey, rev, since, home }: Readonly<Record<"signingKey" | "rev" | "since" | "home", string>>,
): boolean {
  const written = timeOfRev(rev);
  if (written === undefined) {
    return true;
  }
  const arrival = staysOf(log).at(-1)?.arrival;
  const isOfThisStay = log.entries
    .slice(log.entries.findIndex(({ cid }) => cid === arrival?.cid))
    .some(({ nullified, operation }) => !nullified && signingKeyOf(operation) === signingKey);
  // What came along was written by the clock of an earlier server, which nobody knows.
  const [offset, slack] = isOfThisStay ? [clockOffset(home) ?? 0, slackHere] : [0, slackElsewhere];
  return Date.parse(written) - offset <= Date.parse(since) - (clockOffset(directory.origin) ?? 0) + slack;
}
