/**
 * What work on an identity may ask for while it runs. The command line answers from a flag, a file, a command, the
 * environment or a prompt; a test answers from a table. Whoever cannot answer throws `input-needed` and names what
 * would have answered. `again` says why an earlier answer was refused: it comes only where `canAskAgain` is true.
 */

import type { ChangeFacts } from "../plc/change-facts.ts";
import type { Difference } from "../plc/diff.ts";
import type { Signer } from "./sign-by-key.ts";

/** For what a password is asked. */
export interface PasswordAsked {
  readonly handle: string;
  readonly host: string;
  readonly again?: string;
  /**
   * Why only a person may answer, who sees the host, in a sentence: the identity names it of late, and perhaps by
   * somebody else. What was given beforehand is not for it. It comes only where `canAskAgain` is true.
   */
  readonly onlyTyped?: string;
}

/** The answers that a change of an identity may need: of a person, or of a program. */
export interface IdentityAnswers {
  /** True where a person can be asked a second time. */
  readonly canAskAgain: boolean;
  /** True when the mailed code was given beforehand: then no new mail is asked for, which would make it invalid. */
  readonly hasPlcToken: boolean;

  /** The account's own password on the server that holds it, in a move on the old server. */
  sourcePassword(of: PasswordAsked): Promise<string>;
  /** The sign-in code that a server has mailed. */
  authFactorCode(of: { host: string; again?: string }): Promise<string>;
  /**
   * The password that the account has on the new server. `isNew`: the account will be made with it, so that a person
   * types it twice.
   */
  targetPassword(of: PasswordAsked & { isNew?: boolean }): Promise<string>;
  /**
   * The code that the server has mailed for signing the PLC operation; empty to have another one mailed, of which
   * `isAnother` tells then.
   */
  plcToken(of: { email?: string; again?: string; isAnother?: boolean }): Promise<string>;
  /**
   * Opens the user's own rotation key, one of these did:keys, that signs in place of a server. Unset where a server
   * signs.
   */
  readonly rotationKey?: (didKeys: readonly string[]) => Promise<Signer>;
  /**
   * The yes to the point of no return: the DID, typed or given beforehand. Throws `refused` for another DID, and
   * `interrupted` where a person stops.
   */
  confirmIdentityChange(of: {
    did: string;
    handle: string;
    differences: readonly Difference[];
    /** What it means: server, handle, keys, and who can undo it. */
    facts: ChangeFacts;
    /**
     * What it is for, where one piece of work changes the identity twice: first a key is added, or another one signs
     * for the account, then the account moves, or the old one signs again.
     */
    purpose?: "recovery-key" | "temporary-key" | "old-signing-key";
    /** Of a did:web: where its document lies, and the file that is to be published there. decamp publishes nothing. */
    document?: { readonly url: string; readonly file: string };
  }): Promise<void>;
}
