/** The host behind an entryway, by the log and by what hosts say; and who hears that nobody takes it in. */
import { expect, test } from "vitest";
import { hostBehind, requireReturn } from "../../src/migration/checks/host-behind.ts";
import { DecampError } from "../../src/errors.ts";
import { verifyLog, type VerifiedLog } from "../../src/plc/log.ts";
import type { AccountServices } from "../../src/account/services.ts";
import type { Pds } from "../../src/services/servers/pds.ts";
import { at, auditLog, hour, operation, servedAt, signed, testCid, testDid, testKey, type Json } from "../tools/plc.ts";
import { forever } from "../account/support.ts";

const key = await testKey("server");
const morel = "https://morel.us-east.host.bsky.network";
const enoki = "https://enoki.us-east.host.bsky.network";
const bluesky = "https://bsky.social";
const own = "https://pds.example.com";
const third = "https://third.example.com";

/** The log of an account that has lived at these servers, in this order. */
async function lived(...servers: readonly string[]): Promise<VerifiedLog> {
  const made: Json[] = [];
  const signedAt = async (endpoint: string) =>
    signed(
      operation(made.length === 0 ? null : testCid(made.at(-1)), { rotationKeys: [key.did], ...servedAt(endpoint) }),
      key,
    );
  for (const server of servers) {
    made.push(await signedAt(server));
  }
  return verifyLog(testDid(made[0]), auditLog(made));
}

type State = "active" | "deactivated" | "taken-down" | "absent" | "gone";

/**
 * @param states what each server says of the account
 * @param signsIn who signs in for a server, if not itself
 * @param now hours after the beginning of the log
 */
function world(states: Record<string, State>, signsIn: Record<string, string> = {}, now = 1000) {
  const asked: string[] = [];
  const openPds = (origin: string): Pds => {
    const status = async () => {
      const state = states[origin] ?? "gone";
      await Promise.resolve();
      if (state === "gone") {
        throw new DecampError("unreachable", `${origin} does not answer.`);
      }
      return state === "absent" ? undefined : { active: state === "active", status: state };
    };
    const authorizationServers = async () => {
      asked.push(origin);
      await status();
      return [signsIn[origin] ?? origin];
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is asked of a server here
    return { origin, repoStatus: status, authorizationServers } as unknown as Pds;
  };
  const clock = { now: () => Date.parse(at(now * hour)), clockOffset: () => 0 };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is asked of them here
  const services = { openPds, ...clock, directory: { origin: own }, heads: {} } as unknown as AccountServices;
  return { services, asked };
}

test("an account goes back to its own host, the newest that still has it", async () => {
  const log = await lived(morel, enoki, own);
  const found = async (states: Record<string, State>) => hostBehind(world(states).services, log, bluesky, forever);
  expect(await found({ [morel]: "deactivated", [enoki]: "deactivated" })).toEqual({
    host: enoki,
    state: "deactivated",
  });
  expect(await found({ [morel]: "deactivated", [enoki]: "absent" })).toEqual({ host: morel, state: "deactivated" });
  expect(await found({ [morel]: "absent", [enoki]: "gone" })).toEqual({ host: enoki, state: "unreachable" });
  expect(await found({ [morel]: "absent", [enoki]: "absent" })).toBe(undefined);
  // Where it is already, too: the same command goes on after the identity has changed.
  const back = await lived(morel, own, morel);
  const { services } = world({ [morel]: "deactivated" });
  expect(await hostBehind(services, back, bluesky, forever)).toEqual({ host: morel, state: "deactivated" });
});

test("another entryway is known by what its host says, and a host that is named is the new server itself", async () => {
  const entry = "https://entry.example.com";
  const log = await lived(own, third);
  const states = { [own]: "deactivated", [third]: "active", [entry]: "deactivated" } as const;
  const { services, asked } = world(states, { [own]: entry });
  expect(await hostBehind(services, log, entry, forever)).toEqual({ host: own, state: "deactivated" });
  expect(await hostBehind(services, log, "https://other.example.com", forever)).toBe(undefined);
  asked.length = 0;
  expect(await hostBehind(services, log, own, forever)).toBe(undefined);
  // Who moves for the first time has nowhere to go back to: nobody is asked.
  expect(await hostBehind(services, await lived(own), entry, forever)).toBe(undefined);
  expect(asked).toEqual([]);
});

test("a host that names a server which does not know the account, or knows it otherwise, gets nobody from there", async () => {
  const entry = "https://entry.example.com";
  const log = await lived(own, third);
  for (const liar of [own, third]) {
    for (const there of ["absent", "gone", "taken-down"] as const) {
      const { services } = world({ [own]: "deactivated", [third]: "active", [entry]: there }, { [liar]: entry });
      expect(await hostBehind(services, log, entry, forever)).toBe(undefined);
    }
  }
});

test("a host that perhaps a stranger has let the identity name stands behind no server, whatever it says", async () => {
  const entry = "https://entry.example.com";
  // There and back, so that nothing can be seen of it where the account lives.
  const log = await lived(own, third, own);
  const states = { [own]: "active", [third]: "deactivated", [entry]: "deactivated" } as const;
  const found = async (now: number) => hostBehind(world(states, { [third]: entry }, now).services, log, entry, forever);
  expect(await found(3)).toBe(undefined);
  expect(await found(200)).toEqual({ host: third, state: "deactivated" });
});

test("only hosts with such a name stand behind Bluesky: another one that says so is believed by nobody", async () => {
  const log = await lived(morel, third, own);
  const { services } = world({ [morel]: "deactivated", [third]: "deactivated", [own]: "active" }, { [third]: bluesky });
  expect(await hostBehind(services, log, bluesky, forever)).toEqual({ host: morel, state: "deactivated" });
});

test("who has never lived at Bluesky hears that it is not taken in; who has is led to the right host", async () => {
  const [never, once] = await Promise.all([lived(own), lived(morel, own)]);
  expect(() => requireReturn(never, bluesky)).toThrow("takes in no others. The log of did:plc:");
  expect(() => requireReturn(never, morel)).toThrow("takes in no others");
  expect(() => requireReturn(once, bluesky)).toThrow(`${morel}, which does not have the account any more`);
  expect(() => requireReturn(once, enoki)).toThrow(`where they lived. That was ${morel}.`);
  for (const [log, target] of [
    [once, morel],
    [never, third],
    [never, "https://host.bsky.network.example.com"],
  ] as const) {
    expect(() => requireReturn(log, target)).not.toThrow();
  }
});
