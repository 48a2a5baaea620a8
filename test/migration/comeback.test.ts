/** Whose account `doctor` looks at where the server, and with it the handle, is gone: a directory in memory. */
import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { snapshotFile } from "../../src/archive/layout.ts";
import { openSnapshot } from "../../src/archive/open.ts";
import { couldComeBack } from "../../src/migration/restore/comeback.ts";
import { forever } from "../account/support.ts";
import { did, genesis, prepareWorld, withKey } from "./restore-world.ts";

const world = prepareWorld();

test("a handle that died with its server is the account of the archive; another name is refused, and told the DID", async () => {
  const { archive } = world.options;
  const { manifest } = await openSnapshot(archive);
  const file = snapshotFile(archive, manifest.snapshot, "manifest");
  const named = { ...(JSON.parse(await readFile(file, "utf8")) as object), handle: "alice.old.example.com" };
  await writeFile(file, JSON.stringify(named));
  const { services } = world.with([genesis, withKey]);
  const silent = { ...services, handles: { ...services.handles, resolve: async () => Promise.resolve(undefined) } };
  const ask = async (account: string): Promise<unknown> =>
    couldComeBack({ account, archive, allowPrivateHosts: true }, silent, undefined, forever);

  expect(await ask("alice.old.example.com")).toMatchObject({ did });
  await expect(ask("bob.old.example.com")).rejects.toMatchObject({
    code: "account-not-found",
    hint: `Give the account's DID. ${archive} is the archive of ${did}, then called alice.old.example.com.`,
  });
});

test("of keys that nobody names it is said how they came, and not who has them", async () => {
  const { archive } = world.options;
  const { services } = world.with([genesis]);
  const { checks } = await couldComeBack(
    { account: did, archive, allowPrivateHosts: true },
    services,
    undefined,
    forever,
  );
  expect(checks.find(({ id }) => id === "rank")).toMatchObject({
    state: "fault",
    message: expect.stringMatching(/^No rotation key in the identity is known to be yours: each came with a server,/),
  });
});
