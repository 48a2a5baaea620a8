/** A sign-in at the new server that waits for a person, and one that is only tried. */
import { expect, test } from "vitest";
import { DecampError } from "../../src/errors.ts";
import type { Context } from "../../src/migration/context.ts";
import { signInToSource, signInToTarget, trySignIn } from "../../src/migration/sign-in.ts";
import { verifyLog } from "../../src/plc/log.ts";
import { forever } from "../account/support.ts";
import { at, hour, logOf, servedAt, testKey } from "../tools/plc.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

/** @param refusals how often the server wants the account to be confirmed first */
function setting(refusals: number, code: "account-unconfirmed" | "rate-limited" = "account-unconfirmed") {
  let left = refusals;
  const waited: string[] = [];
  const noted: string[] = [];
  const state: { signedIn?: boolean } = {};
  const pds = {
    host: "new.example",
    origin: "https://new.example",
    signOut: async () => Promise.resolve(),
    signIn: async () => {
      left -= 1;
      return left >= 0 ? Promise.reject(new DecampError(code, "Please verify.")) : Promise.resolve({ did });
    },
  };
  const context = {
    options: { to: "https://new.example", allowPrivateHosts: false },
    targetOrigin: "https://new.example",
    target: pds,
    services: { openPds: () => pds },
    identity: { did, handle: "alice.example", past: { did, home: undefined, signingKeys: [], moves: [] } },
    switched: false,
    hasJournal: true,
    journal: { state },
    signal: forever,
    answers: {
      targetPassword: async () => Promise.resolve("secret"),
      accountConfirmed: async ({ said }: { said: string }) => Promise.resolve(void waited.push(said)),
    },
    note: async ({ type }: { type: string }) => {
      noted.push(type);
      state.signedIn = true;
      return Promise.resolve();
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is asked of it
  return { context: context as unknown as Context, waited, noted };
}

test("a person is waited for as often as it takes, and a sign-in that has worked is not tried again", async () => {
  const { context, waited, noted } = setting(2);
  await signInToTarget(context);
  expect([waited, noted]).toEqual([["Please verify.", "Please verify."], ["signed-in"]]);
  expect(await trySignIn(setting(0).context)).toBe(undefined);
  expect(await trySignIn(context)).toBe(undefined);
  expect(noted).toEqual(["signed-in"]);
});

test("what is only tried asks nobody until it is told to; any other refusal is thrown", async () => {
  const { context, waited } = setting(2);
  const wait = await trySignIn(context);
  expect(waited).toEqual([]);
  await wait?.();
  expect(waited).toEqual(["Please verify."]);
  await expect(trySignIn(setting(1, "rate-limited").context)).rejects.toMatchObject({ code: "rate-limited" });
});

test("the password for the old server goes to none that only a stranger's change has named, unless --from names it", async () => {
  const key = await testKey("server");
  const [old, thief] = ["https://old.example", "https://thief.example"];
  const entries = await logOf([old, thief].map((url) => ({ keys: [key], by: key, change: servedAt(url) })));
  const log = verifyLog(entries[0]!.did, entries);
  const ask = async (source: string, from?: string): Promise<unknown> => {
    const pds = { host: new URL(source).host, origin: source, signIn: async () => Promise.resolve({ did: log.did }) };
    const context = {
      options: { from, to: "https://new.example", allowPrivateHosts: false },
      source: pds,
      services: {
        now: () => Date.parse(at(2 * hour)),
        clockOffset: () => 0,
        directory: { origin: "https://plc.example" },
        heads: {},
      },
      identity: { did: log.did, handle: "alice.example", log },
      oldHandle: "alice.example",
      signal: forever,
      answers: { canAskAgain: false, sourcePassword: async () => Promise.resolve("given beforehand") },
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is asked of it
    return signInToSource(context as unknown as Context);
  };
  await expect(ask(thief)).rejects.toMatchObject({ code: "refused", data: { reason: "unsettled-server" } });
  expect(await ask(thief, `${thief}/`)).toMatchObject({ did: log.did });
  // After a move of one's own the old server is the one before: it was named long ago, or by the first operation.
  expect(await ask(old)).toMatchObject({ did: log.did });
});
