/** Accounts on the servers of the bed. */
import type { PdsHandle } from "./pds.ts";
import { procedure } from "./xrpc.ts";

/** An account with a session of its own, on one server. */
export interface Account {
  pds: PdsHandle;
  did: string;
  handle: string;
  email: string;
  password: string;
  /** lives 120 minutes */
  accessJwt: string;
}

export interface NewAccount {
  /** with the server's domain, such as `alice.a.test` */
  handle: string;
  email: string;
  password: string;
  inviteCode?: string;
}

interface Session {
  did: string;
  handle: string;
  accessJwt: string;
}

/** Makes an account whose identity starts on this server. */
export async function createAccount(pds: PdsHandle, input: NewAccount): Promise<Account> {
  const { did, handle, accessJwt } = await procedure<Session>(pds.url, "com.atproto.server.createAccount", input);
  return { pds, did, handle, email: input.email, password: input.password, accessJwt };
}

/** Signs in with a handle or e-mail address. */
export async function login(pds: PdsHandle, identifier: string, password: string): Promise<Account> {
  const session = await procedure<Session & { email?: string }>(pds.url, "com.atproto.server.createSession", {
    identifier,
    password,
  });
  const { did, handle, accessJwt, email = "" } = session;
  return { pds, did, handle, email, password, accessJwt };
}

/** An invite code for one account, made as the server's operator. */
export async function createInviteCode(pds: PdsHandle): Promise<string> {
  const authorization = `Basic ${Buffer.from(`admin:${pds.adminPassword}`).toString("base64")}`;
  const nsid = "com.atproto.server.createInviteCode";
  const { code } = await procedure<{ code: string }>(pds.url, nsid, { useCount: 1 }, { headers: { authorization } });
  return code;
}

/** An app password of the account. */
export async function createAppPassword(account: Account, privileged = false): Promise<string> {
  const nsid = "com.atproto.server.createAppPassword";
  const input = { name: `app ${privileged ? "with" : "without"} privileges`, privileged };
  const { password } = await procedure<{ password: string }>(account.pds.url, nsid, input, {
    token: account.accessJwt,
  });
  return password;
}
