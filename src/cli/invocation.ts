/** What was typed, once commander has understood it: data, so that reading and running are tested apart. */
import type { KnownSecrets } from "../data/known-secrets.ts";
import type { KeyInspectFlags, KeyKeepFlags } from "./declare/key.ts";
import type { PruneFlags } from "./declare/archive.ts";
import type { ExportFlags } from "./declare/export.ts";
import type { LsFlags } from "./declare/look.ts";
import type { MigrateFlags } from "./declare/migrate.ts";
import type { PlcReadFlags } from "./declare/plc.ts";
import type {
  PlcAddKeyFlags,
  PlcDiffFlags,
  PlcRecoverFlags,
  PlcSignFlags,
  PlcSubmitFlags,
  PlcUndoFlags,
} from "./declare/plc-write.ts";
import type { VerifyFlags } from "./declare/verify.ts";
import type { RawGlobals } from "./globals.ts";
import type { Terminal } from "./terminal.ts";

/** Every command by the name that is typed, with its own flags as commander names them. */
interface FlagsOf {
  "archive ls": object;
  "archive diff": object;
  "archive prune": PruneFlags;
  export: ExportFlags;
  migrate: MigrateFlags;
  "migrate status": MigrateFlags;
  "migrate cancel": MigrateFlags;
  verify: VerifyFlags;
  "repo ls": LsFlags;
  "repo get": object;
  "repo unpack": object;
  "repo diff": object;
  "blob ls": object;
  "plc history": PlcReadFlags;
  "plc audit": PlcReadFlags;
  "plc diff": PlcDiffFlags;
  "plc sign": PlcSignFlags;
  "plc submit": PlcSubmitFlags;
  "plc recover": PlcRecoverFlags;
  "plc undo": PlcUndoFlags;
  "plc add-key": PlcAddKeyFlags;
  "key generate": KeyKeepFlags;
  "key import": KeyKeepFlags;
  "key inspect": KeyInspectFlags;
}

type CommandName = keyof FlagsOf;

/** One command with its arguments. */
export interface Invocation<Name extends CommandName> extends Typed {
  readonly command: Name;
  readonly flags: FlagsOf[Name];
}

/** What does not depend on the command. */
export interface Typed {
  /** The positional arguments. */
  readonly args: readonly string[];
  readonly globals: RawGlobals;
  /** All that was typed, to say how to run it again. */
  readonly argv: readonly string[];
}

/** Whichever command it is. */
export type AnyInvocation = { [Name in CommandName]: Invocation<Name> }[CommandName];

/** What a command gets beside that. */
export interface Edge {
  readonly terminal: Terminal;
  /** Those of the terminal: every secret that was read is added, and none of them is printed. */
  readonly secrets: KnownSecrets;
}
