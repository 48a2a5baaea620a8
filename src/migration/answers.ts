/**
 * What a migration may ask for while it runs, in the words of the domain. The command line answers from a flag, a file,
 * a command, the environment or a prompt; a test answers from a table. Whoever cannot answer throws `input-needed` and
 * names what would have answered. `reason` and `again` say why an earlier answer was refused: they come only where
 * `canAskAgain` is true.
 */

import type { IdentityAnswers } from "../account/answers.ts";
import type { Signer } from "../account/sign-by-key.ts";
import type { RecordChanges } from "../archive/record-changes.ts";
import type { Curve } from "../identity/keys.ts";
import type { PrivateKey } from "../identity/private-key.ts";
import type { LeftBehindNow } from "./events.ts";

/** The answers that a move may need: of a person, or of a program. */
export interface Answers extends IdentityAnswers {
  /**
   * Beside the change, `leftBehind`: what is not on the new server; missing where all of it is there.
   * `provedLater`: the new server shows nothing of it yet.
   */
  confirmIdentityChange(
    of: Parameters<IdentityAnswers["confirmIdentityChange"]>[0] & { leftBehind?: LeftBehindNow; provedLater?: true },
  ): Promise<void>;
  /**
   * The rotation key that is put first before the move, and its private part where that is at hand; only if one is
   * wanted.
   */
  readonly newRotationKey?: () => Promise<{ readonly key: string; readonly proof?: Signer | undefined }>;
  /**
   * The key that `rotationKey` would open, where that takes no question and no command; undefined otherwise. For a dry
   * run, which tries it.
   */
  readonly keyAtHand?: () => Promise<Signer | undefined>;
  /**
   * Looks whether the files can be read that answers are to come from: before anything is done, and not after hours.
   *
   * @throws DecampError `unreadable-file`, `refused`, `interrupted`
   */
  readonly lookAtFiles?: () => Promise<void>;
  /**
   * The handle on the new server; `domains` are those under which it gives out handles, each with its leading dot.
   * `keep` says that the present handle is a domain of the user's own and can stay: then nobody has to be asked.
   */
  targetHandle(of: { current: string; keep: boolean; domains: readonly string[]; reason?: string }): Promise<string>;
  /** The e-mail address on the new server; `current` is the one on the old server. */
  targetEmail(of: { current?: string; reason?: string }): Promise<string>;
  /** The invite code for the new server. */
  inviteCode(of: { host: string; reason?: string }): Promise<string>;
  /**
   * The key that a restore puts into the identity for a while: the one that an earlier run has kept in this file, else
   * a new one, which is kept there encrypted, read back and tried.
   */
  readonly temporaryKey?: (of: { readonly path: string; readonly curve: Curve }) => Promise<PrivateKey>;
  /**
   * The yes to an import that takes away what `host` has of the account, where that was asked for and is shown. Throws
   * `interrupted` for a no.
   */
  confirmReplacement?(of: { host: string; changes: RecordChanges }): Promise<void>;
  /**
   * The yes to moving although `host` shows what it has only once the account is active there. Throws `interrupted` for
   * a no. Not asked where the options say yes.
   */
  agreeToLateProof?(of: { host: string }): Promise<void>;
  /** The yes to deleting the copy at `host`, when a move is cancelled. Throws `interrupted` for a no. */
  confirmDeletion?(of: { did: string; handle: string; host: string }): Promise<void>;
  /** The code that the new server has mailed for deleting the account there, when a move is cancelled. */
  deletionCode(of: { host: string; email?: string; again?: string }): Promise<string>;
  /**
   * Waits until a person says that the account is confirmed at the new server, which lets nobody sign in before; `said`
   * is what that server says. Unset where nobody can be asked. Throws `interrupted` where a person stops.
   */
  readonly accountConfirmed?: (of: { host: string; said: string }) => Promise<void>;
  /** Has the e-mail address confirmed at the new server, once the move is done. Unset where nobody can be asked. */
  readonly emailConfirmation?: {
    /** Whether a code is to be mailed to it. */
    isWanted(of: { email: string; host: string }): Promise<boolean>;
    /** The code; empty to have another one mailed, of which `isAnother` tells then; `skip` to leave it. */
    code(of: { email: string; isAnother: boolean; again?: string }): Promise<string>;
  };
}
