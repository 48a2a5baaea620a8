/** Where the owner is asked to sign in for blobs, and where not: a password goes only to where it was asked for. */
import { expect, test } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { BlobGivers, type Keeper } from "../../src/migration/afterwards/blob-givers.ts";
import type { MigrationServices } from "../../src/migration/context.ts";
import type { Identity } from "../../src/account/read-identity.ts";
import { verifyLog } from "../../src/plc/log.ts";
import { at, hour, logOf, servedAt, testKey, type TestStep } from "../tools/plc.ts";

const [first, old, home] = ["https://first.example", "https://old.example", "https://home.example"] as const;
const key = await testKey("server");
const step = (url: string): TestStep => ({ keys: [key], by: key, change: servedAt(url) });
const forever = new AbortController().signal;

interface World {
  /** Origin → how the account is there: deactivated unless given. */
  readonly states?: Readonly<Record<string, string>>;
  /** Hours since the log began: what was done in the last 72 may be a stranger's. */
  readonly now: number;
  readonly named?: readonly string[];
  readonly refuses?: DecampError;
  readonly wants?: boolean;
}

/** Asks every server of an account that has lived at two others, as if none gave all. */
async function ask({ states = {}, now, named = [], refuses, wants = true }: World) {
  const entries = await logOf([step(first), step(old), step(home)]);
  const log = verifyLog(entries[0]!.did, entries);
  const identity = { did: log.did, handle: "alice.example", log } as unknown as Identity;
  const passwords: string[] = [];
  const services = {
    now: () => Date.parse(at(now * hour)),
    clockOffset: () => 0,
    directory: { origin: "https://plc.example" },
    heads: {},
    openPds: (origin: string) => ({
      origin,
      host: new URL(origin).host,
      isSignedIn: false,
      repoStatus: async () =>
        Promise.resolve(
          states[origin] === "absent" ? undefined : { active: states[origin] === "active", status: "deactivated" },
        ),
      signIn: async ({ password }: { password: string }) => {
        passwords.push(`${password} to ${origin}`);
        return refuses === undefined ? Promise.resolve({ did: log.did }) : Promise.reject(refuses);
      },
      signOut: async () => Promise.resolve(),
    }),
  } as unknown as MigrationServices;
  const asked: Keeper[] = [];
  const givers = await BlobGivers.of(
    services,
    identity,
    { named, others: { home: true, earlier: true } },
    {
      canAskAgain: false,
      authFactorCode: async () => Promise.reject(new Error("nobody asks for it")),
      wantsSignIn: async (keeper) => {
        asked.push(keeper);
        return Promise.resolve(wants);
      },
      keeperPassword: async ({ host }) => Promise.resolve(`the password for ${host}`),
    },
    forever,
  );
  const signedIn: string[] = [];
  for (const pds of givers.all) {
    if (await givers.signIn(pds)) {
      signedIn.push(pds.origin);
    }
  }
  return { order: givers.all.map(({ origin }) => origin), asked, passwords, signedIn, ownerOnly: givers.ownerOnly };
}

test("those that are named, then home, then where it has lived; each gets its own password alone", async () => {
  const { order, asked, passwords, signedIn, ownerOnly } = await ask({ now: 200, named: ["https://mirror.example"] });
  expect(order).toEqual(["https://mirror.example", home, old, first]);
  expect(asked.map(({ host, isHome, isNamed }) => [host, isHome, isNamed])).toEqual([
    ["mirror.example", false, true],
    ["home.example", true, false],
    ["old.example", false, false],
    ["first.example", false, false],
  ]);
  expect(passwords).toEqual(order.map((origin) => `the password for ${new URL(origin).host} to ${origin}`));
  expect(signedIn).toEqual(order);
  expect(ownerOnly).toEqual([]);
});

test("nobody signs in where the account is active or not there, but where that server was named", async () => {
  const states = { [home]: "active", [old]: "absent", [first]: "absent" };
  const seen = await ask({ now: 200, states, named: [old] });
  expect(seen.asked.map(({ host }) => host)).toEqual(["old.example"]);
  expect(seen.passwords).toEqual([`the password for old.example to ${old}`]);
});

test("nobody is asked to sign in where only a change of late has led that may be a stranger's", async () => {
  const late = await ask({ now: 3 });
  expect(late.asked.map(({ host }) => host)).toEqual(["first.example"]);
  const named = await ask({ now: 3, named: [old] });
  expect(named.asked.map(({ host }) => host)).toEqual(["old.example", "first.example"]);
});

test("who does not want to, or cannot, is told where; a wrong password ends it", async () => {
  const all = [home, old, first];
  expect(await ask({ now: 200, wants: false })).toMatchObject({
    passwords: [],
    signedIn: [],
    ownerOnly: all.map((server) => ({ server })),
  });
  const unsupported = new DecampError("unsupported", "No password is taken.");
  expect(await ask({ now: 200, refuses: unsupported })).toMatchObject({
    signedIn: [],
    ownerOnly: all.map((server) => ({ server, reason: "No password is taken." })),
  });
  await expect(ask({ now: 200, refuses: new DecampError("auth-refused", "Wrong.") })).rejects.toMatchObject({
    code: "auth-refused",
  });
});
