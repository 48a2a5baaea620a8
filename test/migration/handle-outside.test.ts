/** What is seen of a handle from outside, in front of resolvers and servers that answer what a test wants. */
import { describe, expect, test } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { handleFromOutside, warnIfHostIsSilent } from "../../src/migration/checks/handle-outside.ts";
import type { Context } from "../../src/migration/context.ts";
import { checkHandle } from "../../src/migration/doctor/identity-checks.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const handle = "alice.example.com";
const unreachable = new DecampError("unreachable", "Nothing answers there.");

type World = {
  /** What looking the handle up, or asking its host, comes to. */
  readonly answer: () => Promise<unknown>;
  readonly allowPrivateHosts?: boolean;
};

function contextOf({ answer, allowPrivateHosts = false }: World) {
  const asked: string[] = [];
  const warned: string[] = [];
  const services = {
    handles: { resolve: async (name: string) => (asked.push(name), answer()) },
    openPds: (origin: string) => ({
      describe: async () => (asked.push(origin), answer()),
      statedHandle: async () => undefined,
    }),
  };
  const context = {
    services,
    identity: { did },
    options: { allowPrivateHosts },
    signal: new AbortController().signal,
    warn: (code: string, message: string) => warned.push(`${code}: ${message}`),
  } as unknown as Context;
  return { context, asked, warned };
}

test.each<[string, string | undefined, string | undefined, string[]]>([
  [
    "the name that its server has for it, where that leads to it",
    "alice.pds.example.com",
    did,
    ["alice.pds.example.com"],
  ],
  ["the handle itself, whose record may be missing, where the server has the same name", handle, did, [handle]],
  ["and where the name that the server has leads to somebody else", "bob.example.com", "did:plc:other", [handle]],
  ["and where the server says no name", undefined, undefined, [handle]],
])("the doctor offers for a handle that leads nowhere %s", async (_, stated, holder, expected) => {
  const { context } = contextOf({ answer: async () => undefined });
  const pds = { host: "pds.example.com", statedHandle: async () => stated, resolveHandle: async () => holder };
  const services = { ...context.services, openPds: () => pds } as unknown as Context["services"];
  const asks = { did, asked: undefined, home: "https://pds.example.com", allowPrivateHosts: false };
  const signal = new AbortController().signal;
  const found = await checkHandle(services, { ...asks, claimed: handle }, signal);
  expect(found).toMatchObject({ state: "fault", next: ["account", "handle", did, ...expected] });
  const nameless = await checkHandle(services, { ...asks, claimed: undefined }, signal);
  expect(nameless.next).toEqual(holder === did ? ["account", "handle", did, stated] : undefined);
});

test("the doctor calls no handle wrong that leads nowhere while the account is not active at its server", async () => {
  const { context } = contextOf({ answer: async () => undefined });
  const asks = { did, claimed: handle, asked: undefined, allowPrivateHosts: false };
  const signal = new AbortController().signal;
  const states = ["https://pds.example.com", undefined].map(
    async (home) => (await checkHandle(context.services, { ...asks, home }, signal)).state,
  );
  expect(await Promise.all(states)).toEqual(["fault", "warning"]);
});

describe("where a handle leads", () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ["to the account", async () => did, "leads-here"],
    ["to another", async () => "did:plc:44ybard66vv44zksje25o7dz", "leads-elsewhere"],
    ["nowhere", async () => undefined, "nowhere"],
    ["two ways", async () => Promise.reject(new DecampError("identity-invalid", "Two.")), "leads-elsewhere"],
    ["nobody knows where", async () => Promise.reject(unreachable), "unreachable"],
    ["to a private network", async () => Promise.reject(new DecampError("private-address", "Home.")), "unreachable"],
  ])("%s", async (_, answer, seen) => {
    const { context, asked } = contextOf({ answer });
    const found = await handleFromOutside(context, handle);
    expect({ seen: found.seen, asked }).toEqual({ seen, asked: [handle] });
    expect(found.message).not.toBe("");
  });

  test.each([
    ["alice.example.test", false, /under \.test/],
    [handle, true, /private networks/],
  ])(
    "is not asked where nobody outside can know: %s, private networks %s",
    async (name, allowPrivateHosts, message) => {
      const { context, asked } = contextOf({ answer: async () => did, allowPrivateHosts });
      expect(await handleFromOutside(context, name)).toEqual({
        seen: "not-asked",
        message: expect.stringMatching(message) as string,
      });
      expect(asked).toEqual([]);
    },
  );

  test("a mistake of ours is no answer", async () => {
    const { context } = contextOf({ answer: async () => Promise.reject(new TypeError("oh")) });
    await expect(handleFromOutside(context, handle)).rejects.toThrow(TypeError);
  });
});

describe("the host of a handle that is given out", () => {
  test.each<[string, () => Promise<unknown>]>([
    ["answers as a server", async () => ({})],
    ["answers with a refusal", async () => Promise.reject(new DecampError("server-refused", "No."))],
    ["answers with a web page", async () => Promise.reject(new DecampError("bad-answer", "A page."))],
  ])("%s: all is well", async (_, answer) => {
    const { context, asked, warned } = contextOf({ answer });
    await warnIfHostIsSilent(context, handle);
    expect({ asked, warned }).toEqual({ asked: [`https://${handle}`], warned: [] });
  });

  test("that does not answer is a warning with the reason", async () => {
    const { context, warned } = contextOf({ answer: async () => Promise.reject(unreachable) });
    await warnIfHostIsSilent(context, handle);
    expect(warned).toEqual([expect.stringMatching(/^handle-host-silent: .*Nothing answers there\./)]);
  });

  test("is not asked inside private networks", async () => {
    const { context, asked, warned } = contextOf({ answer: async () => unreachable, allowPrivateHosts: true });
    await warnIfHostIsSilent(context, handle);
    expect([...asked, ...warned]).toEqual([]);
  });
});
