/** Accounts that are to come back from their archives, and whether they did. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { login, type Account } from "./account.ts";
import type { Network, NetworkHandle } from "./control.ts";
import { addOwnParts, auditLog, didDocument, ownParts, type AuditEntry, type UserKey } from "./identity.ts";
import type { PdsHandle } from "./pds.ts";
import { createFilled } from "./populate.ts";
import { isGenuine, lookBefore, type Before } from "./prove.ts";
import { getBlob, getLatestCommit, getPreferences, listRecords, repoStatus } from "./read.ts";
import { runDecamp } from "./run-decamp.ts";

/** An account with an archive, and with a rotation key, a service and an alias of its own. */
export interface Archived {
  account: Account;
  before: Before;
  key: UserKey;
  archive: string;
  stateDir: string;
  /** flags that every command needs */
  where: string[];
  /** a complete `decamp restore`, ready to run */
  args: string[];
  newHandle: string;
  /** puts a secret into a file of its own */
  fileWith: (text: string) => Promise<string>;
  /** what is not as it should be once it has come back; `operations` were made for that */
  flaws: (operations?: number) => Promise<string[]>;
  remove: () => Promise<void>;
}

/** At the target. */
export const newPassword = "the-new-password";

/** Makes one at `home` that is to come back at `target`. @param seen the addresses that decamp gets, if others */
export async function archivedAccount(
  network: Network,
  { home, target, name }: { home: PdsHandle; target: PdsHandle; name: string },
  seen: Pick<NetworkHandle, "plcUrl"> = network,
  { exportFlags = [], ...options }: { records?: number; blobs?: number; seed?: number; exportFlags?: string[] } = {},
): Promise<Archived> {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-restore-"));
  let files = 0;
  const fileWith = async (text: string): Promise<string> => {
    files += 1;
    const file = path.join(folder, `file-${files}`);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const account = await createFilled(home, name, { records: 24, blobs: 5, ...options });
  const key = await addOwnParts(network, account);
  const before = await lookBefore(network.plcUrl, account);
  const archive = path.join(folder, "archive");
  const stateDir = path.join(folder, "state");
  const where = ["--plc-url", seen.plcUrl, "--allow-private-hosts", "--no-input", "--state-dir", stateDir];
  const from = ["--from", home.url, "--password-file", await fileWith(account.password)];
  const exported = await runDecamp(["export", account.did, "-o", archive, ...exportFlags, ...from, ...where]);
  if (exported.code !== 0) {
    throw new Error(exported.stderr);
  }
  const newHandle = `${name}${target.handleDomain}`;
  const flags = {
    "--to": target.publicUrl,
    "--rotation-key-file": await fileWith(key.privateKeyHex),
    "--passphrase-file": await fileWith("a passphrase"),
    "--new-handle": newHandle,
    "--new-email": `${name}@new.example.com`,
    "--new-password-file": await fileWith(newPassword),
    "--confirm-did": account.did,
  };
  const args = ["restore", archive, ...Object.entries(flags).flat(), ...where];
  return {
    account,
    before,
    key,
    archive,
    stateDir,
    where,
    args,
    newHandle,
    fileWith,
    flaws: async (operations = 2) =>
      findFlaws(network.plcUrl, { account, before, key, target, newHandle, stateDir, operations }),
    remove: async () => rm(folder, { recursive: true, force: true }),
  };
}

async function findFlaws(
  plcUrl: string,
  restored: Pick<Archived, "account" | "before" | "key" | "newHandle" | "stateDir"> & {
    target: PdsHandle;
    operations: number;
  },
): Promise<string[]> {
  const { account, before, key, target, newHandle, stateDir, operations } = restored;
  const { did } = account;
  const { url } = target;
  const log = await auditLog(plcUrl, did);
  const last = log.at(-1)?.operation;
  const [, ...serverKeys] = before.log.at(-1)?.operation.rotationKeys ?? [];
  const oldKeys = keysIn(before.log);
  const [temporary, signingKey] = keysIn(log).slice(-2);
  const document = await didDocument(plcUrl, did);
  const session = await login(target, newHandle, newPassword);
  const genuine = await Promise.all(
    before.blobs.map(async (cid) => isGenuine(cid, await getBlob({ url, did }, cid).catch(() => undefined))),
  );
  const left = await readdir(path.join(stateDir, "migrations"));
  const checks: Record<string, boolean> = {
    [`${operations} operations were added, and not ${log.length - before.log.length}`]:
      log.length === before.log.length + operations,
    "the user's key stands first": last?.rotationKeys[0] === key.didKey,
    "the old server's keys are gone":
      serverKeys.length > 0 && !serverKeys.some((one) => last?.rotationKeys.includes(one)),
    "the user's service is there": last?.services[ownParts.service.id] !== undefined,
    "the user's alias is there": last?.alsoKnownAs.includes(ownParts.alias) === true,
    "the temporary key was a new one": temporary !== undefined && !oldKeys.includes(temporary),
    "the signing key is a new one": signingKey !== undefined && ![...oldKeys, temporary].includes(signingKey),
    "the handle is the new one": document.alsoKnownAs[0] === `at://${newHandle}`,
    "the identity names the new server": document.service.some(
      ({ serviceEndpoint }) => serviceEndpoint === target.publicUrl,
    ),
    "the head is that of the archive": (await getLatestCommit({ url, did })).cid === before.head,
    "the records are the same": isDeepStrictEqual(await listRecords({ url, did }), before.records),
    "the blobs are the same": genuine.length > 0 && genuine.every(Boolean),
    "the preferences are the same": isDeepStrictEqual(
      await getPreferences({ url, token: session.accessJwt }),
      before.preferences,
    ),
    "it is active": (await repoStatus({ url, did })) === "active",
    "no temporary key is left": !left.some((file) => file.endsWith(".age")),
  };
  return Object.entries(checks).flatMap(([what, holds]) => (holds ? [] : [what]));
}

/** The signing keys of the operations that count, oldest first. */
function keysIn(entries: AuditEntry[]): (string | undefined)[] {
  return entries.filter(({ nullified }) => !nullified).map(({ operation }) => operation.verificationMethods["atproto"]);
}
