import { describe, expect, test } from "vitest";
import { moveOperation, parseRecommended, updateOperation } from "../../src/plc/update.ts";
import { operation, signed, testCid, testKey } from "../tools/plc.ts";

const [user, spare, server, next, label] = await Promise.all([
  testKey("user"),
  testKey("spare", "p256"),
  testKey("server"),
  testKey("next server"),
  testKey("label"),
]);

const labeler = { type: "AtprotoLabeler", endpoint: "https://labels.example.com" };
const signedHead = await signed(
  operation(testCid("before"), {
    rotationKeys: [user.did, server.did, spare.did],
    verificationMethods: { atproto_label: label.did, atproto: server.did },
    alsoKnownAs: ["at://alice.old.example", "at://second.example.com", "https://alice.example.com"],
    services: {
      atproto_labeler: labeler,
      atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://old.example.com" },
    },
  }),
  user,
);
const head = { cid: testCid(signedHead), operation: signedHead as never };
const answer = {
  rotationKeys: [next.did],
  verificationMethods: { atproto: next.did },
  alsoKnownAs: ["at://alice.new.example"],
  services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" } },
};
const target = parseRecommended(answer);

describe("moveOperation", () => {
  test("user keys first, then the new server's; the old server's leave; everything else stays in its order", () => {
    const moved = moveOperation(head, { target, sourceRotationKeys: [server.did] });
    expect(moved).toEqual({
      type: "plc_operation",
      rotationKeys: [user.did, spare.did, next.did],
      verificationMethods: { atproto_label: label.did, atproto: next.did },
      alsoKnownAs: ["at://alice.new.example", "at://second.example.com", "https://alice.example.com"],
      services: {
        atproto_labeler: labeler,
        atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" },
      },
      prev: head.cid,
    });
    expect(Object.keys(moved.services)).toEqual(["atproto_labeler", "atproto_pds"]);
    expect(Object.keys(moved.verificationMethods)).toEqual(["atproto_label", "atproto"]);
  });

  test("a key that old and new server share goes behind the user's", () => {
    const shared = { ...target, rotationKeys: [server.did, next.did] };
    const moved = moveOperation(head, { target: shared, sourceRotationKeys: [server.did] });
    expect(moved.rotationKeys).toEqual([user.did, spare.did, server.did, next.did]);
  });

  test("a user key that the new server recommends too keeps its place", () => {
    const shared = { ...target, rotationKeys: [spare.did, user.did, next.did] };
    const moved = moveOperation(head, { target: shared, sourceRotationKeys: [server.did] });
    expect(moved.rotationKeys).toEqual([user.did, spare.did, next.did]);
  });

  test.each<[string, { oldHandle?: string; newHandle: string }, string[]]>([
    ["a handle of one's own stays", { newHandle: "alice.old.example" }, ["at://alice.old.example"]],
    ["the new handle that was asked for", { newHandle: "alice.com.example" }, ["at://alice.com.example"]],
    [
      "the alias that is named leaves, the new one is first",
      { oldHandle: "second.example.com", newHandle: "new.example.com" },
      ["at://new.example.com", "at://alice.old.example"],
    ],
    [
      "an old handle that is not there: the first handle leaves",
      { oldHandle: "other.example.com", newHandle: "new.example.com" },
      ["at://new.example.com", "at://second.example.com"],
    ],
    ["the second alias becomes the handle", { newHandle: "second.example.com" }, ["at://second.example.com"]],
  ])("%s", (_, handles, first) => {
    const moved = moveOperation(head, { target, sourceRotationKeys: [], ...handles });
    const rest = ["at://second.example.com", "https://alice.example.com"].filter((alias) => !first.includes(alias));
    const expected = [...first, ...(handles.oldHandle === "second.example.com" ? ["https://alice.example.com"] : rest)];
    expect(moved.alsoKnownAs).toEqual(expected);
  });

  test("a handle behind other aliases comes to the front, where the new server looks for it", () => {
    const content = { ...signedHead, alsoKnownAs: ["https://alice.example.com", "at://alice.old.example"] };
    const moved = moveOperation({ cid: head.cid, operation: content as never }, { target, sourceRotationKeys: [] });
    expect(moved.alsoKnownAs).toEqual(["at://alice.new.example", "https://alice.example.com"]);
  });

  test("after a legacy create", async () => {
    const create = await signed(
      {
        type: "create",
        signingKey: server.did,
        recoveryKey: user.did,
        handle: "alice.old.example",
        service: "https://old.example.com",
        prev: null,
      },
      server,
    );
    const base = { cid: testCid(create), operation: create as never };
    const moved = moveOperation(base, { target, sourceRotationKeys: [server.did] });
    expect(moved.rotationKeys).toEqual([user.did, next.did]);
    expect(moved.prev).toBe(base.cid);
    expect(moved).not.toHaveProperty("sig");
  });
});

test("an edit changes what it names, and cannot choose what it follows", () => {
  const edited = updateOperation(head, (content) => ({ ...content, rotationKeys: [next.did], prev: null }));
  const { sig: _, ...rest } = signedHead;
  expect(edited).toEqual({ ...rest, rotationKeys: [next.did], prev: head.cid });
});

test("after a tombstone nothing can be built", () => {
  const tombstone = { type: "plc_tombstone", prev: head.cid, sig: "" } as const;
  expect(() => updateOperation({ cid: testCid(tombstone), operation: tombstone }, (content) => content)).toThrow(
    expect.objectContaining({ code: "refused" }),
  );
});

describe("parseRecommended", () => {
  test("what a server says", () => {
    expect(target).toEqual({
      rotationKeys: [next.did],
      signingKey: next.did,
      alsoKnownAs: ["at://alice.new.example"],
      pds: { type: "AtprotoPersonalDataServer", endpoint: "https://new.example.com" },
    });
    const { alsoKnownAs: _, ...less } = answer;
    expect(parseRecommended({ ...less, more: 1 }).alsoKnownAs).toEqual([]);
  });

  const pds = answer.services.atproto_pds;
  test.each<[string, unknown]>([
    ["nothing", null],
    ["HTML", "<html>"],
    ["no rotation key", { ...answer, rotationKeys: [] }],
    ["no list of rotation keys", { ...answer, rotationKeys: undefined }],
    ["a rotation key of another kind", { ...answer, rotationKeys: ["did:key:z6Mkha"] }],
    ["no signing key", { ...answer, verificationMethods: { other: next.did } }],
    ["a broken signing key", { ...answer, verificationMethods: { atproto: "did:key:z" } }],
    ["no PDS", { ...answer, services: {} }],
    ["a PDS of another type", { ...answer, services: { atproto_pds: { ...pds, type: "Other" } } }],
    ["an endpoint that is no URL", { ...answer, services: { atproto_pds: { ...pds, endpoint: "new" } } }],
    ["an endpoint that is not http", { ...answer, services: { atproto_pds: { ...pds, endpoint: "file:///" } } }],
    ["an alias that is no text", { ...answer, alsoKnownAs: [1] }],
  ])("refuses %s", (_, value) => {
    expect(() => parseRecommended(value)).toThrow(expect.objectContaining({ code: "bad-answer" }));
  });
});
