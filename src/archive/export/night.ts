/**
 * A night over all accounts of a server: what its list shows to be as the archives have it costs no request.
 *
 * - An account is left alone if the list names the head of its archive, and its archive lies on the disk as its
 *   manifest says (`as-listed.ts`). One in a hundred is asked for all the same, each night another one.
 * - What the list cannot say is whether the identity has changed. Half of the accounts are looked up in the directory,
 *   in the next night the other half: somebody who has taken an identity can be undone for 72 hours.
 * - What is remembered in the folder says whose turn it is, and where accounts had gone. It never says that something
 *   lies on the disk, and a night without it asks for more, not for less.
 */
import { hash } from "node:crypto";
import * as v from "valibot";
import { locateAccount, type LocatedAccount } from "../../account/find.ts";
import type { AccountServices } from "../../account/services.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { verifyLog } from "../../plc/log.ts";
import { pdsOf } from "../../plc/operation.ts";
import { isFutureRev } from "../../repo/commit.ts";
import { isDid } from "../../identity/names.ts";
import { joinPath, readWhole, writeWhole } from "../../services/disk/files.ts";
import { readPlainFile } from "../../services/disk/plain-entries.ts";
import type { PatientDirectory } from "../../services/servers/patient-directory.ts";
import type { ListedRepo } from "../../services/servers/pds.ts";
import { archivesIn } from "../archives.ts";
import { isInTurn, keptAsListed } from "./as-listed.ts";
import type { ExportResult } from "./export-account.ts";
import type { Outcome } from "./export-many.ts";
import { archiveName, snapshotFile, snapshotFiles } from "../layout.ts";
import { readableManifests, type Manifest } from "../manifest.ts";
import { shardOf, type Shard } from "./shard.ts";
import { describeLog } from "./small-files.ts";
import { listedUnavailable } from "../unavailable.ts";

/** One account in so many is asked for its real head, each night. */
const realHeads = 100;

const memorySchema = v.object({
  type: v.literal("decamp night"),
  format: v.literal(1),
  /** Origin of the server whose accounts these are. */
  server: v.string(),
  /** Which half of the identities the last whole night has looked up. */
  half: v.picklist([0, 1]),
  /** Accounts that are not active there, and whose identity names another server. */
  moved: v.record(v.pipe(v.string(), v.check(isDid)), v.string()),
});
type Memory = v.InferOutput<typeof memorySchema>;

/** What a night needs to know. */
export interface NightSetting {
  /** The folder of the archives. */
  readonly folder: string;
  /** Of the server whose accounts they are. */
  readonly origin: string;
  readonly shard: Shard | undefined;
  readonly services: AccountServices & { readonly directory: PatientDirectory };
}

/** A night, as it goes on. */
export class Night {
  readonly #setting: NightSetting;
  readonly #half: 0 | 1;
  readonly #before: Memory | undefined;
  /** Where accounts have gone, as this night and those before have seen it. */
  readonly #moved = new Map<string, string>();
  /** The accounts of the list, by a number of 48 bits each: what is kept of one must be small. */
  readonly #listed = new Set<number>();
  /** Identities that should have been looked up, and the directory did not answer. */
  notLookedUp = 0;

  private constructor(setting: NightSetting, before: Memory | undefined) {
    this.#setting = setting;
    this.#before = before;
    this.#half = before?.half === 0 ? 1 : 0;
  }

  /** Begins a night. What an earlier one has left in another format counts as nothing. @throws DecampError `storage` */
  static async begin(setting: NightSetting): Promise<Night> {
    return new Night(setting, await recall(setting));
  }

  /** Notes that an account is in the list. */
  see(did: string): void {
    this.#listed.add(numberOf(did));
  }

  /**
   * What there is of an account, if nothing of it has to be exported.
   *
   * @returns undefined if an export has to look
   * @throws DecampError `account-unavailable` for one that is not active, as the list says; as `locateAccount` where
   *   the identity is looked up; the signal's reason
   */
  async kept(did: string, stated: ListedRepo, signal: AbortSignal): Promise<ExportResult | undefined> {
    const { folder, origin, services } = this.#setting;
    const now = services.now();
    if (isInTurn(did, realHeads, now)) {
      return undefined;
    }
    const unavailable =
      stated.active === false ? listedUnavailable(new URL(origin).host, did, stated.status) : undefined;
    if (unavailable !== undefined) {
      throw unavailable;
    }
    const manifest = keptAsListed(joinPath(folder, archiveName(did)), did, origin, stated);
    if (manifest === undefined || isFutureRev(manifest.rev, now)) {
      return undefined;
    }
    return this.#isLookedUp(did) && !(await this.#hasSameIdentity(manifest, signal))
      ? undefined
      : { manifest, mode: "unchanged", ...nothingDone };
  }

  /**
   * Which server the identity of an account names that is not active at this one, or not there any more, if that is
   * another than when its archive was made.
   *
   * @param manifest the newest snapshot of its archive
   * @returns undefined also where that is not known: the identity may have been given up, or nobody answers
   * @throws DecampError `storage`; the signal's reason
   */
  async whereTo({ did, snapshot }: Manifest, signal: AbortSignal): Promise<string | undefined> {
    const { folder } = this.#setting;
    const before = await archivedHome(joinPath(folder, archiveName(did)), did, snapshot);
    if (before === undefined) {
      return undefined;
    }
    const known = this.#before?.moved[did];
    const located = known !== undefined && !this.#isLookedUp(did) ? { pds: known } : await this.#locate(did, signal);
    // Where nobody answers, what an earlier night has seen.
    const home = located === "unanswered" ? known : located?.pds;
    if (home === undefined || home === before) {
      return undefined;
    }
    this.#moved.set(did, home);
    return home;
  }

  /**
   * The accounts that have an archive from this server and were not in its list.
   *
   * @throws DecampError `storage`; the signal's reason
   */
  async *findGone(signal: AbortSignal): AsyncGenerator<Outcome> {
    const { folder, origin, shard } = this.#setting;
    const { host } = new URL(origin);
    for await (const path of archivesIn(folder)) {
      signal.throwIfAborted();
      const named = /\bdid-plc-([2-7a-z]{24})$/.exec(path)?.[1];
      if (named !== undefined && this.#listed.has(numberOf(`did:plc:${named}`))) {
        continue;
      }
      const newest = (await readableManifests(path)).at(-1);
      const did = newest?.did ?? "";
      const isOther = newest?.source !== origin || path !== joinPath(folder, archiveName(did));
      const isElsewhere = shard !== undefined && shardOf(did, shard.count) !== shard.index;
      if (!isOther && !isElsewhere && !this.#listed.has(numberOf(did))) {
        const error = new DecampError("account-not-found", `${host} does not list the account ${did} any more.`, {
          hint: "Its archive stays as it is.",
          data: { did, host },
        });
        yield { name: did, did, error, isGone: true };
      }
    }
  }

  /**
   * Notes that the night is over, whose list was gone through to its end; not one in which the directory did not
   * answer: the next one looks up the same half.
   *
   * @throws DecampError `storage`
   */
  async end(): Promise<void> {
    if (this.notLookedUp > 0) {
      return;
    }
    const { origin } = this.#setting;
    const moved = Object.fromEntries(this.#moved);
    const memory: Memory = { type: "decamp night", format: 1, server: origin, half: this.#half, moved };
    await writeWhole(memoryFile(this.#setting), `${JSON.stringify(memory)}\n`);
  }

  #isLookedUp(did: string): boolean {
    return numberOf(did) % 2 === this.#half;
  }

  async #hasSameIdentity({ did, files }: Manifest, signal: AbortSignal): Promise<boolean> {
    const located = await this.#locate(did, signal);
    if (located === "unanswered") {
      return true;
    }
    // A did:web has no log: its document is all there is, and an export reads it.
    const log = located?.log;
    return log !== undefined && describeLog(log.raw).sha256 === files[snapshotFiles.log]?.sha256;
  }

  /**
   * Where an account lives; `unanswered` where the directory does not answer, undefined where its identity is such that
   * an export says what is wrong with it.
   */
  async #locate(did: string, signal: AbortSignal): Promise<LocatedAccount | "unanswered" | undefined> {
    const { services } = this.#setting;
    try {
      return await locateAccount(services, { type: "did", did }, {}, signal);
    } catch (error) {
      if (!isDecampError(error) || isDecampError(error, "storage")) {
        throw error;
      }
      if (error !== services.directory.silence) {
        return undefined;
      }
      this.notLookedUp += 1;
      return "unanswered";
    }
  }
}

/** Origin of the server that the identity named when a snapshot was made; undefined if that cannot be read. */
async function archivedHome(archive: string, did: string, snapshot: string): Promise<string | undefined> {
  try {
    const bytes = await readPlainFile(snapshotFile(archive, snapshot, "log"));
    const { head } = verifyLog(did, JSON.parse(new TextDecoder().decode(bytes)));
    const named = pdsOf(head.operation);
    return named === undefined ? undefined : new URL(named).origin;
  } catch (error) {
    if (isDecampError(error, "storage")) {
      throw error;
    }
    return undefined;
  }
}

const nothingDone = {
  futureRev: false,
  received: { repoBytes: 0, blobs: 0, blobBytes: 0 },
  mended: { files: 0, blobs: 0 },
  unmended: [],
  leftOut: [],
} as const;

/** Bits of the SHA-256 that say neither the shard nor the turn of an account. */
function numberOf(did: string): number {
  return hash("sha256", did, "buffer").readUIntBE(8, 6);
}

/** The lock of a night: two of them over the same accounts would do the same. */
export function nightLock({ folder, shard }: Pick<NightSetting, "folder" | "shard">): string {
  return joinPath(folder, `${nameOf(shard)}.lock`);
}

function memoryFile({ folder, shard }: NightSetting): string {
  return joinPath(folder, `${nameOf(shard)}.json`);
}

function nameOf(shard: Shard | undefined): string {
  return shard === undefined ? "night" : `night-${shard.index}-of-${shard.count}`;
}

async function recall(setting: NightSetting): Promise<Memory | undefined> {
  const bytes = await readWhole(memoryFile(setting));
  try {
    const memory = v.parse(memorySchema, JSON.parse(new TextDecoder().decode(bytes)));
    return memory.server === setting.origin ? memory : undefined;
  } catch {
    return undefined;
  }
}
