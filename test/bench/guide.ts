/**
 * The sequence of the official migration guide, one call after another, as its example code has it. It checks nothing
 * and reads nothing back.
 */
import type { Account } from "../network/account.ts";
import type { Network } from "../network/control.ts";
import type { PdsHandle } from "../network/pds.ts";
import { procedure, procedureBytes, query, queryBytes } from "../network/xrpc.ts";

/** Moves `account` to `target`. */
export async function moveByTheGuide(
  network: Pick<Network, "waitForMail">,
  account: Account,
  target: PdsHandle,
  newAccount: { handle: string; email: string; password: string },
): Promise<void> {
  const { did, pds: source, accessJwt: token } = account;
  const lxm = "com.atproto.server.createAccount";
  const described = await query(target.url, "com.atproto.server.describeServer");
  const serviceAuth = await query(source.url, "com.atproto.server.getServiceAuth", {
    token,
    params: { aud: String(described["did"]), lxm },
  });
  await procedure(target.url, lxm, { ...newAccount, did }, { token: String(serviceAuth["token"]) });
  const session = await procedure<{ accessJwt: string }>(target.url, "com.atproto.server.createSession", {
    identifier: newAccount.handle,
    password: newAccount.password,
  });
  const there = { token: session.accessJwt };

  const repo = await queryBytes(source.url, "com.atproto.sync.getRepo", { params: { did }, token });
  const car = new Uint8Array(repo);
  await procedureBytes(target.url, "com.atproto.repo.importRepo", car, "application/vnd.ipld.car", there);
  let cursor: string | undefined;
  do {
    const page = await query(target.url, "com.atproto.repo.listMissingBlobs", { ...there, params: { cursor } });
    for (const { cid } of page["blobs"] as { cid: string }[]) {
      const url = `${source.url}/xrpc/com.atproto.sync.getBlob?did=${did}&cid=${cid}`;
      const blob = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      const bytes = new Uint8Array(await blob.arrayBuffer());
      const type = blob.headers.get("content-type") ?? "";
      await procedureBytes(target.url, "com.atproto.repo.uploadBlob", bytes, type, there);
    }
    cursor = page["cursor"] as string | undefined;
  } while (cursor !== undefined);
  const preferences = await query(source.url, "app.bsky.actor.getPreferences", { token });
  await procedure(target.url, "app.bsky.actor.putPreferences", preferences, there);

  const after = Date.now();
  await procedure(source.url, "com.atproto.identity.requestPlcOperationSignature", undefined, { token });
  const credentials = await query(target.url, "com.atproto.identity.getRecommendedDidCredentials", there);
  const mail = await network.waitForMail({ to: account.email, subject: "PLC Update", after });
  const input = { token: mail.token, ...credentials };
  const signed = await procedure(source.url, "com.atproto.identity.signPlcOperation", input, { token });
  await procedure(target.url, "com.atproto.identity.submitPlcOperation", signed, there);
  await procedure(target.url, "com.atproto.server.activateAccount", undefined, there);
  await procedure(source.url, "com.atproto.server.deactivateAccount", {}, { token });
}
