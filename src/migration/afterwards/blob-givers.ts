/**
 * Servers that may have blobs which another place lacks: those that were named, the one where the account lives, those
 * where it has lived. Some give them to the owner alone, such as one where the account is deactivated. There the owner
 * may sign in; a password goes only to the server for which it was asked.
 */

import type { IdentityAnswers, PasswordAsked } from "../../account/answers.ts";
import { stateAt } from "../../account/places.ts";
import { signIn } from "../../account/sign-in.ts";
import { pastOf, type AnyIdentity } from "../../account/web/any-identity.ts";
import { homeOf, livesAt } from "../../account/where.ts";
import { unsettledServers } from "../../account/watch/unsettled-servers.ts";
import { isDecampError } from "../../errors.ts";
import type { Pds } from "../../services/servers/pds.ts";
import type { MigrationServices } from "../context.ts";
import { earlierHomes } from "../doctor/home-checks.ts";
import { reasonsOfServers } from "../doctor/owner-checks.ts";

/** A server that gives blobs to the owner alone. */
export interface Keeper {
  readonly handle: string;
  readonly host: string;
  /** Whether the account lives there. */
  readonly isHome: boolean;
  /** Whether it was named: a password that was given with its address is for no other. */
  readonly isNamed: boolean;
}

/** A server that gave nothing but to the owner, and where nobody is signed in. */
export interface OwnerOnly {
  /** Origin. */
  readonly server: string;
  /** Why signing in did not work, where it was tried: a sentence. */
  readonly reason?: string;
}

/** What signing in at such a server may ask for. */
export interface KeeperAnswers extends Pick<IdentityAnswers, "authFactorCode" | "canAskAgain"> {
  /** Whether to sign in there. Never throws because nobody can be asked. */
  readonly wantsSignIn: (keeper: Keeper) => Promise<boolean>;
  readonly keeperPassword: (of: Keeper & PasswordAsked) => Promise<string>;
}

/** Which servers are asked. */
export interface Wanted {
  /** Origins that were named. */
  readonly named: readonly string[];
  /** Which others: `home` is the one where the account lives, `earlier` are those where it has lived. */
  readonly others: { readonly home: boolean; readonly earlier: boolean };
}

/** The servers, in the order in which they are asked. */
export class BlobGivers {
  readonly all: readonly Pds[];
  /** Those that may give to the owner what they give to nobody else, and where nobody has signed in. */
  readonly ownerOnly: OwnerOnly[] = [];
  readonly #services: MigrationServices;
  readonly #identity: AnyIdentity;
  readonly #named: ReadonlySet<string>;
  /** Origins that only a change has named which may be a stranger's: nobody is asked to sign in there. */
  readonly #strange: ReadonlySet<string>;
  readonly #answers: KeeperAnswers;
  readonly #signal: AbortSignal;

  private constructor(
    services: MigrationServices,
    identity: AnyIdentity,
    { named, others }: Wanted,
    strange: readonly string[],
    answers: KeeperAnswers,
    signal: AbortSignal,
  ) {
    const past = pastOf(identity);
    const home = homeOf(past);
    const origins = new Set([
      ...named,
      ...(home !== undefined && others.home ? [home] : []),
      ...(others.earlier ? earlierHomes({ past }) : []),
    ]);
    this.all = [...origins].map((origin) => services.openPds(origin));
    this.#services = services;
    this.#identity = identity;
    this.#named = new Set(named);
    this.#strange = new Set(strange);
    this.#answers = answers;
    this.#signal = signal;
  }

  static async of(
    services: MigrationServices,
    identity: AnyIdentity,
    wanted: Wanted,
    answers: KeeperAnswers,
    signal: AbortSignal,
  ): Promise<BlobGivers> {
    const strange = await unsettledServers(services, pastOf(identity), signal);
    return new BlobGivers(services, identity, wanted, strange, answers, signal);
  }

  /**
   * Signs in at a server that did not give all, if it shows the account to nobody else and the owner wants it.
   *
   * @returns whether the owner is signed in now
   * @throws DecampError as `signIn`, where the password is the reason and not the server
   */
  async signIn(pds: Pds): Promise<boolean> {
    const { did, handle } = this.#identity;
    const past = pastOf(this.#identity);
    const { host, origin } = pds;
    const isNamed = this.#named.has(origin);
    if (pds.isSignedIn || (this.#strange.has(origin) && !isNamed)) {
      return false;
    }
    const state = await stateAt(pds, did, this.#signal, { attempts: 1 });
    // Some hide an account that is not active as if they did not have it; of those only one that was named is asked.
    if (["active", "unreachable", "unknown"].includes(state) || (state === "absent" && !isNamed)) {
      return false;
    }
    const keeper = { handle, host, isHome: livesAt(past, origin), isNamed };
    if (!(await this.#answers.wantsSignIn(keeper))) {
      this.ownerOnly.push({ server: origin });
      return false;
    }
    const { authFactorCode, canAskAgain, keeperPassword } = this.#answers;
    const ask: IdentityAnswers["sourcePassword"] = async (asked) => keeperPassword({ ...asked, ...keeper });
    const own = { authFactorCode, canAskAgain, sourcePassword: ask, targetPassword: ask };
    try {
      await signIn(
        this.#services,
        pds,
        { past, handle, named: [...this.#named] },
        own,
        "sourcePassword",
        this.#signal,
        true,
      );
      return true;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!isDecampError(error, ...reasonsOfServers)) {
        throw error;
      }
      this.ownerOnly.push({ server: origin, reason: error.message });
      return false;
    }
  }

  /** Ends what was begun. */
  async signOut(): Promise<void> {
    await Promise.all(this.all.map(async (pds) => pds.signOut()));
  }
}
