/** What the doctor says of an account: one finding for each thing that was looked at. */

import type { Past } from "../../account/web/past.ts";

/** The account that is looked at, as its log or its document has it. */
export interface Subject {
  readonly did: string;
  readonly past: Past;
  /** The handle that it claims, if it claims one. */
  readonly handle: string | undefined;
  /** The signing key that is named now, a did:key. */
  readonly signingKey: string | undefined;
}

/** What is looked at: stable. */
export type HealthCheckId =
  | "changes"
  | "journal"
  | "move"
  | "identity"
  | "document"
  | "keys"
  | "handle"
  | "home"
  | "elsewhere"
  | "signature"
  | "blobs"
  | "relay-host"
  | "relay"
  | "app-view"
  | "sign-in"
  | "email"
  | "owner-status"
  | "owner-head"
  | "owner-blobs"
  | "credentials"
  | "preferences"
  | "server"
  | "admission"
  | "terms"
  | "limits"
  | "there";

/** One thing that was looked at. */
export interface HealthCheck {
  readonly id: HealthCheckId;
  /** `warning`: nothing is wrong, and something is worth knowing. `unknown`: who was asked did not say it. */
  readonly state: "ok" | "warning" | "fault" | "unknown";
  /** A sentence: what was seen, and what it means. */
  readonly message: string;
  /** What to do about it, or whom to ask. */
  readonly help?: string;
  /** The words of the command that mends it. */
  readonly next?: readonly string[];
}

/** What was found. */
export interface Health {
  readonly did: string;
  /** The handle that the identity claims, if it claims one. */
  readonly handle?: string;
  /** Origin of the server that the identity names. */
  readonly home?: string;
  readonly checks: readonly HealthCheck[];
  /** Whether no check is a fault. */
  readonly ok: boolean;
}

/** A finding that is in order. */
export function fine(id: HealthCheckId, message: string): HealthCheck {
  return { id, state: "ok", message };
}

/** A finding that is not. @param more what to do about it */
export function found(
  id: HealthCheckId,
  state: Exclude<HealthCheck["state"], "ok">,
  message: string,
  more: Pick<HealthCheck, "help" | "next"> = {},
): HealthCheck {
  return { id, state, message, ...more };
}

/** A did:key, short enough for a sentence, and long enough to be told from others. */
export function shortKey(key: string): string {
  return key.length <= 24 ? key : `${key.slice(0, 16)}…${key.slice(-6)}`;
}
