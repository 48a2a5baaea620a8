import { describe, expect, test } from "vitest";
import type { UnsignedOperation } from "../../src/plc/operation.ts";
import { compareSigned, describeDifference, diffOperations } from "../../src/plc/diff.ts";
import { operation, signed, testCid, testKey, withBitsLeftOver, withHighS } from "../tools/plc.ts";

const [user, server, next, foreign] = await Promise.all([
  testKey("user", "p256"),
  testKey("server"),
  testKey("next server"),
  testKey("foreign"),
]);
const feed = { type: "BskyFeedGenerator", endpoint: "https://feed.example.com" };
const headOperation = await signed(
  operation(null, {
    rotationKeys: [user.did, server.did],
    verificationMethods: { atproto: server.did },
    services: {
      atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://old.example.com" },
      bsky_fg: feed,
    },
  }),
  server,
);
const head = { cid: testCid(headOperation), operation: headOperation as never };
const asked = operation(head.cid, {
  rotationKeys: [user.did, next.did],
  verificationMethods: { atproto: next.did },
  alsoKnownAs: ["at://alice.new.example", "at://alice.example.com"],
  services: {
    atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" },
    bsky_fg: feed,
  },
}) as unknown as UnsignedOperation & Record<string, unknown>;
const answer = await signed(asked, server);

describe("diffOperations", () => {
  const before = headOperation as unknown as UnsignedOperation;

  test("nothing", () => {
    expect(diffOperations(before, before)).toEqual([]);
  });

  test("a whole move, field by field", () => {
    expect(diffOperations(before, asked)).toEqual([
      { field: "rotationKeys[1]", kind: "removed", before: server.did },
      { field: "rotationKeys[1]", kind: "added", after: next.did },
      { field: "verificationMethods.atproto", kind: "changed", before: server.did, after: next.did },
      { field: "alsoKnownAs[0]", kind: "added", after: "at://alice.new.example" },
      {
        field: "services.atproto_pds.endpoint",
        kind: "changed",
        before: "https://old.example.com",
        after: "https://new.example.com",
      },
    ]);
  });

  test("another order, one key twice, an id more and less", () => {
    const after = {
      ...before,
      rotationKeys: [server.did, user.did, user.did],
      verificationMethods: { other: server.did },
    };
    expect(diffOperations(before, after)).toEqual([
      { field: "rotationKeys[2]", kind: "added", after: user.did },
      {
        field: "rotationKeys",
        kind: "reordered",
        before: `${user.did}, ${server.did}`,
        after: `${server.did}, ${user.did}`,
      },
      { field: "verificationMethods.atproto", kind: "removed", before: server.did },
      { field: "verificationMethods.other", kind: "added", after: server.did },
    ]);
  });

  test("the order of the fields of an object is no difference", () => {
    const services = Object.fromEntries(Object.entries(before.services).toReversed());
    expect(diffOperations(before, { ...before, services })).toEqual([]);
  });

  test("as text", () => {
    expect(describeDifference({ field: "a", kind: "added", after: "x" })).toBe("a added: x");
    expect(describeDifference({ field: "a", kind: "removed", before: "x" })).toBe("a removed: x");
    expect(describeDifference({ field: "a", kind: "changed", before: "x", after: "y" })).toBe("a changed: x → y");
  });
});

test("an answer that is what was asked is taken, with its CID", () => {
  expect(compareSigned(asked, answer, head)).toEqual({ operation: answer, cid: testCid(answer) });
});

test("fields in another order are the same operation", () => {
  const reordered: unknown = Object.fromEntries(Object.entries(answer).toReversed());
  expect(compareSigned(asked, reordered, head).cid).toBe(testCid(answer));
});

const pds = asked.services["atproto_pds"]!;
const { prev: _prev, ...withoutPrev } = answer;
const { sig: _sig, ...withoutSig } = answer;

/** Everything that a server could slip in. Where the content differs, its signature is good. */
const answers: [name: string, value: unknown, shown: RegExp][] = [
  ["a key more", await sign({ rotationKeys: [user.did, next.did, foreign.did] }), /^rotationKeys\[2\] added/],
  [
    "a key above the user's",
    await sign({ rotationKeys: [foreign.did, user.did, next.did] }),
    /^rotationKeys\[0\] added/,
  ],
  ["the user's key less", await sign({ rotationKeys: [next.did] }), /^rotationKeys\[0\] removed/],
  ["another order of keys", await sign({ rotationKeys: [next.did, user.did] }), /^rotationKeys reordered/],
  ["another key in the place of the user's", await sign({ rotationKeys: [foreign.did, next.did] }), /removed: did:key/],
  ["a key twice", await sign({ rotationKeys: [user.did, next.did, next.did] }), /^rotationKeys\[2\] added/],
  ["no key at all", await sign({ rotationKeys: [] }), /^rotationKeys\[0\] removed/],
  ["the old server's key kept", await sign({ rotationKeys: [user.did, server.did] }), /^rotationKeys\[1\] added/],
  [
    "another signing key",
    await sign({ verificationMethods: { atproto: foreign.did } }),
    /^verificationMethods.atproto changed/,
  ],
  [
    "a signing key more",
    await sign({ verificationMethods: { atproto: next.did, x: foreign.did } }),
    /^verificationMethods.x added/,
  ],
  ["no signing key", await sign({ verificationMethods: {} }), /^verificationMethods.atproto removed/],
  [
    "another endpoint",
    await sign({ services: { ...asked.services, atproto_pds: { ...pds, endpoint: "https://old.example.com" } } }),
    /^services.atproto_pds.endpoint changed/,
  ],
  [
    "a slash after the endpoint",
    await sign({ services: { ...asked.services, atproto_pds: { ...pds, endpoint: `${pds.endpoint}/` } } }),
    /^services.atproto_pds.endpoint changed/,
  ],
  [
    "another type of service",
    await sign({ services: { ...asked.services, atproto_pds: { ...pds, type: "Other" } } }),
    /^services.atproto_pds.type changed/,
  ],
  [
    "a service more",
    await sign({ services: { ...asked.services, atproto_labeler: feed } }),
    /^services.atproto_labeler added/,
  ],
  ["a service less", await sign({ services: { atproto_pds: pds } }), /^services.bsky_fg removed/],
  [
    "a field more in a service",
    await sign({ services: { ...asked.services, bsky_fg: { ...feed, x: "" } } }),
    /^services.bsky_fg.x added/,
  ],
  [
    "an altered alias",
    await sign({ alsoKnownAs: ["at://mallory.example.com", "at://alice.example.com"] }),
    /^alsoKnownAs\[0\] removed/,
  ],
  ["an alias less", await sign({ alsoKnownAs: ["at://alice.new.example"] }), /^alsoKnownAs\[1\] removed/],
  ["another order of aliases", await sign({ alsoKnownAs: asked.alsoKnownAs.toReversed() }), /^alsoKnownAs reordered/],
  ["a stale prev", await sign({ prev: testCid("before") }), /^prev changed/],
  ["no prev: a genesis", await sign({ prev: null }), /^prev changed/],
  ["prev missing", withoutPrev, /^prev removed/],
  [
    "a tombstone",
    await signed({ type: "plc_tombstone", prev: head.cid }, server),
    /^type changed: plc_operation → plc_tombstone/,
  ],
  [
    "a legacy create",
    await signed(
      { type: "create", signingKey: next.did, recoveryKey: user.did, handle: "a", service: "b", prev: null },
      server,
    ),
    /^type changed/,
  ],
  ["a field more", await sign({ note: "x" }), /^note added: x/],
  ["nothing", undefined, /^operation changed/],
  ["a list", [answer], /^operation changed/],
  ["the signature missing", withoutSig, /^sig removed/],
  ["a signature of something else", { ...answer, sig: headOperation.sig }, /^sig changed: .* none of them/],
  ["signed by a key that is new", await signed(asked, next), /^sig changed: .* none of them/],
  ["signed by a foreign key", await signed(asked, foreign), /^sig changed: .* none of them/],
  ["high S", { ...answer, sig: withHighS(answer.sig, "k256") }, /^sig changed: .* none of them/],
  ["a padded signature", { ...answer, sig: `${answer.sig}==` }, /^sig changed: .*unpadded/],
  [
    "bits left over in the signature",
    { ...answer, sig: withBitsLeftOver(answer.sig) },
    /^sig changed: .*trailing bits/,
  ],
  ["a line break after the signature", { ...answer, sig: `${answer.sig}\n` }, /^sig changed/],
  ["a signature that is no text", { ...answer, sig: null }, /^sig changed/],
];

function sign(change: Record<string, unknown>): Promise<unknown> {
  return signed({ ...asked, ...change }, server);
}

test.each(answers)("a signed answer that is refused: %s", (_, value, shown) => {
  expect(() => compareSigned(asked, value, head)).toThrow(
    expect.objectContaining({
      code: "operation-differs",
      exitCode: 9,
      data: { differences: expect.arrayContaining([expect.stringMatching(shown)]) as unknown },
    }),
  );
});

test("every difference is named, not only the first", () => {
  const value = { ...answer, rotationKeys: [next.did], alsoKnownAs: [], note: 1 };
  expect(() => compareSigned(asked, value, head)).toThrow(
    /rotationKeys\[0\] removed.*alsoKnownAs\[0\] removed.*note added/,
  );
});

test("a plan that does not follow the head is not compared at all", () => {
  expect(() => compareSigned(asked, answer, { ...head, cid: testCid("moved") })).toThrow(
    expect.objectContaining({ code: "head-moved" }),
  );
});

test("where only some keys have the power, as in a recovery, the others' signatures do not count", async () => {
  const signers = [user.did];
  expect(() => compareSigned(asked, answer, { ...head, signers })).toThrow(/none of them/);
  expect(compareSigned(asked, await signed(asked, user), { ...head, signers }).operation.sig).toHaveLength(86);
});
