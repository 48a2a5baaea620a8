/** The handle on the new server: what is accepted, what is refused, and what is told. */
import { describe, expect, test } from "vitest";
import type { Context } from "../../src/migration/context.ts";
import { chooseHandle } from "../../src/migration/handle.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const forever = new AbortController().signal;

/** Chooses `answer` in a world of a few handles. */
async function choose(answer: string, world: { independent?: boolean } = {}) {
  const told: string[] = [];
  const asked: { keep: boolean }[] = [];
  const leadsTo: Record<string, string> = {
    "alice.example.com": did,
    "bob.example.com": "did:plc:other",
    "taken.new.example.com": "did:plc:other",
    "mine.new.example.com": did,
  };
  const lookUp = (handle: string) => Promise.resolve(leadsTo[handle]);
  const context = {
    answers: {
      canAskAgain: false,
      targetHandle: (question: { keep: boolean }) => {
        asked.push(question);
        return Promise.resolve(answer);
      },
    },
    hasJournal: false,
    identity: { did, handle: "alice.example.com" },
    options: { dryRun: false },
    services: {
      handles: { resolve: lookUp, isIndependentOf: () => Promise.resolve(world.independent ?? true) },
    },
    signal: forever,
    source: { origin: "https://old.example", host: "old.example" },
    target: { host: "new.example.com", resolveHandle: lookUp },
    targetDescription: { availableUserDomains: [".new.example.com"] },
    warn: (code: string) => told.push(code),
  } as unknown as Context;
  await chooseHandle(context, [".old.example"]);
  return { handle: context.newHandle, told, asked };
}

describe("a handle is accepted", () => {
  test.each([
    ["free.new.example.com", "free.new.example.com"],
    [" @Free.New.Example.Com ", "free.new.example.com"],
    ["mine.new.example.com", "mine.new.example.com"],
    ["alice.example.com", "alice.example.com"],
  ])("%j", async (answer, handle) => {
    expect(await choose(answer)).toMatchObject({ handle, told: [], asked: [{ keep: true }] });
  });
});

describe("a handle is refused", () => {
  test.each([
    ["taken.new.example.com", "handle-taken"],
    ["ab.new.example.com", "handle-refused"],
    ["two.labels.new.example.com", "handle-refused"],
    ["bob.example.com", "handle-refused"],
    ["nobody.example.com", "handle-refused"],
    ["alice.invalid", "handle-refused"],
    ["not a handle", "handle-refused"],
  ])("%j: %s", async (answer, code) => {
    await expect(choose(answer)).rejects.toMatchObject({ code });
  });
});

test("a domain that only the old server's machine answers for is told", async () => {
  expect(await choose("alice.example.com", { independent: false })).toMatchObject({
    handle: "alice.example.com",
    told: ["handle-served-by-source"],
  });
});
