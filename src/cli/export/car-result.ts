/** What people read when `decamp export` has made one CAR file. */
import type { LocatedAccount } from "../../account/find.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { CarResult, CarTarget } from "./to-car.ts";
import { bytesText, countText, plural } from "../talk/reporters/amounts.ts";
import type { Line } from "../talk/terminal.ts";

/** What was exported, from where and to where. */
export interface CarStory {
  readonly target: CarTarget;
  readonly located: LocatedAccount;
  readonly source: string;
  /** Why the account is not active there, if it is known not to be. */
  readonly status: string | undefined;
  readonly result: CarResult;
}

/** To be called while there is a session: what the server says of the account goes with it. */
export function tellCar(
  target: CarTarget,
  located: LocatedAccount,
  { origin, account }: Pick<Pds, "origin" | "account">,
  result: CarResult,
): CarStory {
  const status = account?.active === false ? (account.status ?? "inactive") : undefined;
  return { target, located, source: origin, status, result };
}

export function carLines({ target, located, source, status, result }: CarStory): Line[] {
  const { did, handle = did } = located;
  const { repo, size, taken } = result;
  const { referenced } = repo.report.blobs;
  const where = target === "stdout" ? "was written to the standard output" : `is in ${target.path}`;
  const blobs = referenced === 0 ? "blobs" : `the ${plural(referenced, "blob")} that the records refer to`;
  return [
    taken
      ? [{ text: `The repository of ${handle} is proved, and ${where}.`, style: "green" }]
      : [{ text: `The repository of ${handle} is proved, and was not read to its end.`, style: "yellow" }],
    ["Repository    ", `${target === "stdout" ? "-" : target.path}, ${bytesText(size)}`],
    ["Account       ", did, ...(status === undefined ? [] : [`, ${status} on ${source}`])],
    ["Revision      ", repo.rev],
    ["Records       ", countText(repo.records)],
    ["Not in it     ", `${blobs}, the preferences, and the log of the identity: an archive has them (-o FOLDER)`],
  ];
}

/** The same for scripts. */
export function carFacts({ target, located, source, status, result }: CarStory): object {
  const { repo, size, sha256, received, taken, futureRev } = result;
  const { did, commit, rev, data, records, report } = repo;
  return {
    car: target === "stdout" ? "-" : target.path,
    did,
    handle: located.handle,
    source,
    status,
    mode: "full",
    commit,
    rev,
    data,
    records,
    collections: report.collections,
    blobs: { referenced: report.blobs.referenced },
    bytes: size,
    sha256,
    received: { repoBytes: received },
    ...(taken ? {} : { taken }),
    ...(futureRev ? { futureRev } : {}),
  };
}
