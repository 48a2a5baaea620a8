/** The flags that every command understands, before and behind its name. */
import { DecampError } from "../errors.ts";
import { defaultPlcUrl, stateDirectory } from "../services/defaults.ts";

export interface GlobalFlags {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly noInput: boolean;
  readonly yes: boolean;
  readonly noColor: boolean;
  readonly plcUrl: string;
  readonly allowPrivateHosts: boolean;
  readonly stateDir: string;
  /** How many bytes a second flow at most. */
  readonly limitRate?: number;
  /** Limits that are raised, to be read by `readLimits`. */
  readonly limit: Readonly<Record<string, number>>;
}

/** What commander collected for them. */
export interface RawGlobals {
  readonly quiet?: true;
  readonly verbose?: true;
  readonly json?: true;
  /** False with `--no-input`. */
  readonly input?: boolean;
  readonly yes?: true;
  /** False with `--no-color`. */
  readonly color?: boolean;
  readonly plain?: true;
  readonly plcUrl?: string;
  readonly allowPrivateHosts?: true;
  readonly stateDir?: string;
  readonly limitRate?: number;
  readonly logFile?: string;
  readonly limit?: Readonly<Record<string, number>>;
}

/**
 * Flags over environment over defaults.
 *
 * @throws DecampError `usage` for `--quiet` together with `--verbose`
 */
export function readGlobals(raw: RawGlobals, env: Readonly<NodeJS.ProcessEnv>): GlobalFlags {
  if (raw.quiet === true && raw.verbose === true) {
    throw new DecampError("usage", "--quiet and --verbose contradict each other: give only one.");
  }
  return {
    quiet: raw.quiet ?? false,
    verbose: raw.verbose ?? false,
    json: raw.json ?? false,
    noInput: raw.input === false,
    yes: raw.yes ?? false,
    noColor: raw.color === false,
    plcUrl: raw.plcUrl ?? nonEmpty(env["ATP_PLC_HOST"]) ?? defaultPlcUrl,
    allowPrivateHosts: raw.allowPrivateHosts ?? false,
    stateDir: stateDirectory(raw.stateDir, env),
    ...(raw.limitRate === undefined ? {} : { limitRate: raw.limitRate }),
    limit: raw.limit ?? {},
  };
}

/** The relay that is named beforehand. */
export function relayOf({ relay }: { readonly relay?: string }, env: Readonly<NodeJS.ProcessEnv>): string | undefined {
  return relay ?? nonEmpty(env["ATP_RELAY_HOST"]);
}

/** An empty variable counts as unset. */
export function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}
