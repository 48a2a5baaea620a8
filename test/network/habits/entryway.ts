/**
 * A host behind an entryway, as those of Bluesky: it says who signs its accounts in, hands sign-in and codes on (which
 * one server does itself), and makes no account that does not come with the entryway's own operation.
 */
import { changedJson, refuse } from "../../faults/faults.ts";
import type { Front } from "./front.ts";

/** By what other address the entryway is reached: nobody asks it anything. */
export function entrywayOf({ publicUrl }: Front["server"]): string {
  return publicUrl.replace("localhost", "127.0.0.1");
}

export function entryway({ proxy, server }: Front): void {
  proxy.when(
    { kind: ".well-known/oauth-protected-resource" },
    changedJson((value) => ({ ...value, authorization_servers: [entrywayOf(server)] })),
  );
  proxy.when(
    { kind: "com.atproto.server.createAccount" },
    refuse(400, "InvalidRequest", "non-entryway pds requires bringing a DID and plcOp"),
  );
}
