/** The bed itself: what the other network tests take for granted. */
import { createHash } from "node:crypto";
import { inject, expect, test } from "vitest";
import { createAccount, createInviteCode, login } from "./account.ts";
import { connectNetwork } from "./control.ts";
import { addOwnParts, auditLog, didDocument, ownParts } from "./identity.ts";
import { populate } from "./populate.ts";
import { checkAccountStatus, getBlob, getPreferences, listBlobs, listRecords, repoStatus } from "./read.ts";
import { procedure, query, XrpcError } from "./xrpc.ts";

const network = connectNetwork(inject("network"));

test("an account of each server has its identity in the directory", async () => {
  for (const pds of [network.a, network.b]) {
    const handle = `identity${pds.handleDomain}`;
    const account = await createAccount(pds, { handle, email: `identity@${pds.name}.example`, password: "a password" });
    const document = await didDocument(network.plcUrl, account.did);
    expect(document.alsoKnownAs).toEqual([`at://${handle}`]);
    expect(document.service.map(({ serviceEndpoint }) => serviceEndpoint)).toEqual([pds.url]);
    expect((await login(pds, handle, "a password")).did).toBe(account.did);
    expect(await repoStatus({ url: pds.url, did: account.did })).toBe("active");
  }
});

test("a filled account has exactly the records, pictures and preferences asked for, and every picture can be read", async () => {
  const account = await createAccount(network.a, {
    handle: "filled.a.test",
    email: "filled@example.com",
    password: "a password",
  });
  const filled = await populate(account, { records: 70, blobs: 15, seed: 7 });
  const reader = { url: network.a.url, did: account.did, token: account.accessJwt };

  const records = await listRecords(reader);
  expect(records).toHaveLength(70);
  expect(new Set(records.map(({ uri }) => uri.split("/")[3]))).toEqual(
    new Set([
      "app.bsky.actor.profile",
      "app.bsky.feed.like",
      "app.bsky.feed.post",
      "app.bsky.feed.repost",
      "app.bsky.graph.follow",
      "app.bsky.graph.list",
      "app.bsky.graph.listitem",
      "com.whtwnd.blog.entry",
    ]),
  );

  const cids = await listBlobs(reader);
  expect(cids).toEqual(filled.pictures.map(({ blob }) => blob.ref.$link).sort());
  expect(cids).toHaveLength(15);
  for (const picture of filled.pictures) {
    expect(await getBlob(reader, picture.blob.ref.$link)).toEqual(picture.bytes);
    expect(picture.blob.mimeType).toBe(picture.mimeType);
  }
  expect(await checkAccountStatus(reader)).toMatchObject({ activated: true, expectedBlobs: 15, importedBlobs: 15 });
  // The server adds one that it computes from the birth date.
  const computed = {
    $type: "app.bsky.actor.defs#declaredAgePref",
    isOverAge13: true,
    isOverAge16: true,
    isOverAge18: true,
  };
  expect(await getPreferences(reader)).toEqual([...filled.preferences, computed]);
});

test("the same seed gives the same pictures", async () => {
  const hashes: string[] = [];
  for (const name of ["one", "two"]) {
    const account = await createAccount(network.b, {
      handle: `seed-${name}.b.test`,
      email: `seed-${name}@example.com`,
      password: "a password",
    });
    const { pictures } = await populate(account, { records: 20, blobs: 4, seed: 3 });
    hashes.push(pictures.map(({ bytes }) => createHash("sha256").update(bytes).digest("hex")).join());
  }
  expect(hashes[1]).toBe(hashes[0]);
});

test("a mailed token lets the user change the identity", async () => {
  const account = await createAccount(network.a, {
    handle: "keyholder.a.test",
    email: "owner@example.com",
    password: "a password",
  });
  const key = await addOwnParts(network, account);
  const log = await auditLog(network.plcUrl, account.did);
  expect(log).toHaveLength(2);
  expect(log[1]?.operation.rotationKeys).toEqual([key.didKey, ...(log[0]?.operation.rotationKeys ?? [])]);
  expect(log[1]?.operation.alsoKnownAs).toEqual(["at://keyholder.a.test", ownParts.alias]);
  expect(Object.keys(log[1]?.operation.services ?? {}).sort()).toEqual(["atproto_labeler", "atproto_pds"]);
});

test("the proxy records who sent what and which tokens the server gave out", async () => {
  const pds = await network.addPds({ name: "recorded", recorded: true });
  const account = await createAccount(pds, {
    handle: `alice${pds.handleDomain}`,
    email: "recorded@example.com",
    password: "a password",
  });
  await query(pds.url, "com.atproto.server.getSession", { token: account.accessJwt });
  const { requests, issuedTokens } = await network.recording(pds);
  expect(issuedTokens).toContain(account.accessJwt);
  const sent = requests.filter(({ authorization }) => authorization === `Bearer ${account.accessJwt}`);
  expect(sent).toMatchObject([{ method: "GET", path: "/xrpc/com.atproto.server.getSession", status: 200 }]);
});

test("a server with other settings can be added, stopped and started again", async () => {
  const pds = await network.addPds({ name: "invited", inviteRequired: true, blobUploadLimit: 1000 });
  const described = await query(pds.url, "com.atproto.server.describeServer");
  expect(described).toMatchObject({ did: pds.did, inviteCodeRequired: true, blobUploadLimit: 1000 });
  const input = { handle: "newcomer.invited.test", email: "guest@example.com", password: "a password" };
  await expect(createAccount(pds, input)).rejects.toThrow(XrpcError);
  const account = await createAccount(pds, { ...input, inviteCode: await createInviteCode(pds) });

  await network.stopPds(pds);
  await expect(query(pds.url, "com.atproto.server.describeServer")).rejects.toThrow("fetch failed");
  await network.startPds(pds);
  expect((await query(pds.url, "com.atproto.server.getSession", { token: account.accessJwt }))["did"]).toBe(
    account.did,
  );
});

test("waiting for a mail that never comes ends", async () => {
  const wait = network.waitForMail({ to: "nobody@example.com" }, 50);
  await expect(wait).rejects.toThrow("no mail to nobody@example.com");
  await expect(
    procedure(network.a.url, "com.atproto.server.requestPasswordReset", { email: "nobody@example.com" }),
  ).rejects.toThrow("account does not have an email address");
});
