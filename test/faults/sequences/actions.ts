/** What can happen to an account, as plain values: a sequence can be printed, played again, and made shorter. */
import type { StepId } from "../../../src/migration/step-ids.ts";

/** The three servers. Every account begins at A. */
export const serverNames = ["A", "B", "C"] as const;
export type ServerName = (typeof serverNames)[number];

/** How the account is named on the command line: by what it is called now, or by the handle that a server gave it. */
export type Called = "did" | "handle" | `handle at ${ServerName}`;

/**
 * The end of a run before its own: at a step (the first line about it, or the last one), or after so many milliseconds.
 */
export interface Interruption {
  at: { step: StepId; when: "start" | "done" } | { ms: number };
  signal: "SIGKILL" | "SIGINT";
}

export interface Move {
  do: "move";
  to: ServerName;
  /** `DECAMP_SOURCE_PDS` instead of the flag, with `fromEnv` */
  from?: ServerName;
  fromEnv?: true;
  account: Called;
  until?: StepId;
  freeze?: true;
  bringLateWrites?: true;
  interrupt?: Interruption;
  /** who signs: the old server with a mailed code, or the user's own key where there is one */
  sign: "code" | "key";
  /** the command that reads the mailed code posts something first */
  postMeanwhile?: true;
}

export interface Undo {
  do: "undo";
  account: Called;
  /** without it the account stays active on the new server */
  newPassword: boolean;
  /** the operation is named; else it is for the command to know */
  operation: boolean;
  /** which of the user's keys signs */
  key: "oldest" | "newest";
  interrupt?: Interruption;
}

export type Action =
  | Move
  | Undo
  | { do: "recover" }
  | { do: "cancel"; from?: ServerName; to?: ServerName }
  | { do: "add-key" }
  | { do: "post"; at: ServerName; picture?: true }
  | { do: "delete"; at: ServerName }
  | { do: "lose"; what: "journals" | "state" }
  /** the journals as they were after so many actions less */
  | { do: "restore-journals"; ago: number }
  /** by hand, the identity names that server, with an account there or without one */
  | { do: "name"; server: ServerName; with: "account" | "nothing"; sign: "code" | "key" }
  | { do: "activate" | "deactivate"; at: ServerName }
  /** the server shows an account that is not to be there yet: the reference server refuses that, others may not */
  | { do: "show-copy"; at: ServerName }
  | { do: "take-down" | "lift"; at: ServerName }
  /** the operator of a server deletes a copy that never was the home */
  | { do: "delete-copy"; at: ServerName }
  | { do: "stop" | "start"; server: ServerName };

/** A sequence, and what the account has from the start. */
export interface Sequence {
  seed: number;
  /** a rotation key of the user's own, before all others */
  ownKey: boolean;
  actions: readonly Action[];
}

/** An action in a line. */
export function describeAction(action: Action): string {
  const { do: what, ...rest } = action;
  const said = Object.entries(rest).map(([name, value]) => {
    if (name === "interrupt") {
      const { at, signal } = value as Interruption;
      return `${signal} ${"ms" in at ? `after ${at.ms} ms` : `at ${at.when} of ${at.step}`}`;
    }
    return value === true ? name : `${name}=${String(value)}`;
  });
  return [what, ...said].join(" ");
}
