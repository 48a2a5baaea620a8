/**
 * The audit logs of fixtures/plc: valid ones, and invalid ones with one fault each, named by it. `node
 * test/plc/fixtures.ts` writes the files anew; fixtures.test.ts asks that they are what this makes. Everything is
 * derived from names, so the files are the same every time.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import * as dagCbor from "@ipld/dag-cbor";
import { CID } from "multiformats/cid";
import {
  auditLog,
  hour,
  inDer,
  operation,
  signed,
  testCid,
  testDid,
  testKey,
  withBitsLeftOver,
  withHighS,
} from "../tools/plc.ts";
import type { Content, Json, TestEntry, TestKey } from "../tools/plc.ts";

export interface Fixture {
  readonly name: string;
  readonly did: string;
  /** The rule that refuses the log; `valid` if none does. */
  readonly expect: string;
  readonly log: unknown;
}

export const folder: URL = new URL("../../fixtures/plc/", import.meta.url);

export function fixturePath({ name, expect }: Fixture): string {
  return `${expect === "valid" ? "valid" : "invalid"}/${name}.json`;
}

export function fixtureText({ did, expect, log }: Fixture): string {
  return `${JSON.stringify({ did, expect, log }, null, 2)}\n`;
}

const ed25519 = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";

export async function plcFixtures(): Promise<Fixture[]> {
  const fixtures: Fixture[] = [];
  const [user, spare, server, next, foreign] = await Promise.all([
    testKey("user"),
    testKey("spare", "p256"),
    testKey("server"),
    testKey("next server"),
    testKey("foreign"),
  ]);
  const keys = [user.did, spare.did, server.did];
  const methods = { atproto: server.did };
  const usual = { rotationKeys: keys, verificationMethods: methods };

  const first = await signed(operation(null, usual), server);
  const did = testDid(first);
  const after = (
    prev: unknown,
    signer: TestKey,
    change: Partial<Content> & Json = {},
  ): Promise<Json & { sig: string }> => signed(operation(testCid(prev), { ...usual, ...change }), signer);
  const second = await after(first, server, { alsoKnownAs: ["at://second.example.com"] });
  const third = await after(second, server, { alsoKnownAs: ["at://third.example.com"] });
  const fourth = await after(third, server, { alsoKnownAs: ["at://fourth.example.com"] });
  const rescue = await after(first, user, { alsoKnownAs: ["at://rescue.example.com"] });
  const spareRescue = await after(first, spare, { alsoKnownAs: ["at://spare.example.com"] });
  const end = await signed({ type: "plc_tombstone", prev: testCid(first) }, server);
  const create = (signer: TestKey): Promise<Json & { sig: string }> =>
    signed(
      {
        type: "create",
        signingKey: server.did,
        recoveryKey: user.did,
        handle: "alice.example.com",
        service: "old.example.com",
        prev: null,
      },
      signer,
    );
  const legacy = await create(server);

  const add = (name: string, expect: string, log: unknown): void => {
    const entries = Array.isArray(log) ? (log as Partial<TestEntry>[]) : [];
    fixtures.push({ name, did: entries[0]?.did ?? did, expect, log });
  };
  const valid = (name: string, log: unknown): void => add(name, "valid", log);
  const founded = async (content: Partial<Content> & Json, signer: TestKey): Promise<TestEntry[]> =>
    auditLog([await signed(operation(null, { ...usual, ...content }), signer)]);
  /** The usual log of two, with the second operation replaced by something that may not be well formed. */
  const withSecond = (replacement: Json): TestEntry[] => auditLog([first, replacement], { did });

  // valid

  valid("genesis", auditLog([first]));
  valid("genesis-signed-by-the-first-key", await founded({}, user));
  valid("genesis-signed-by-a-p256-key", await founded({}, spare));
  valid(
    "genesis-without-services-and-aliases",
    await founded({ services: {}, alsoKnownAs: [], verificationMethods: {} }, server),
  );
  valid("alias-in-unicode", await founded({ alsoKnownAs: ["https://例え.example/é/🙂"] }, server));
  valid("chain-of-four", auditLog([first, second, third, fourth]));
  valid(
    "signed-by-every-key-in-turn",
    auditLog([first, await after(first, spare), await after(await after(first, spare), user)]),
  );
  const rotated = await after(first, server, { rotationKeys: [next.did], verificationMethods: { atproto: next.did } });
  valid("rotation-keys-replaced", auditLog([first, rotated, await after(rotated, next, { rotationKeys: [next.did] })]));
  valid("legacy-create", auditLog([legacy]));
  valid("legacy-create-signed-by-the-recovery-key", auditLog([await create(user)]));
  const afterLegacy = await after(legacy, server);
  valid("legacy-create-then-update", auditLog([legacy, afterLegacy]));
  const legacyRescue = await after(legacy, user, { alsoKnownAs: ["at://rescue.example.com"] });
  valid("legacy-create-then-recovery", auditLog([legacy, afterLegacy, legacyRescue], { nullified: [1] }));
  valid("recovery", auditLog([first, second, rescue], { nullified: [1] }));
  valid("recovery-of-three", auditLog([first, second, third, fourth, rescue], { nullified: [1, 2, 3] }));
  valid("recovery-in-the-middle", auditLog([first, second, third, await after(second, user)], { nullified: [2] }));
  valid("recovery-of-a-recovery", auditLog([first, second, spareRescue, rescue], { nullified: [1, 2] }));
  valid(
    "recovery-of-a-recovery-counts-from-the-recovery",
    auditLog([first, second, spareRescue, rescue], { nullified: [1, 2], times: [0, hour, 70 * hour, 140 * hour] }),
  );
  valid(
    "recovery-after-exactly-72-hours",
    auditLog([first, second, rescue], { nullified: [1], times: [0, hour, 73 * hour] }),
  );
  valid(
    "recovery-of-an-old-fork-by-the-first-change",
    auditLog([first, second, rescue], { nullified: [1], times: [0, 1000 * hour, 1001 * hour] }),
  );
  valid("update-after-recovery", auditLog([first, second, rescue, await after(rescue, server)], { nullified: [1] }));
  valid("tombstone", auditLog([first, end]));
  valid("tombstone-recovered", auditLog([first, end, rescue], { nullified: [1] }));
  valid("time-runs-back-in-a-plain-update", auditLog([first, second], { times: [hour, 0] }));
  valid("entry-with-more-fields", changed(auditLog([first]), 0, { seq: 7, type: "sequenced_op" }));
  valid("rotation-key-twice", await founded({ rotationKeys: [user.did, server.did, server.did] }, server));
  valid("no-rotation-key-any-more", auditLog([first, await after(first, server, { rotationKeys: [] })]));
  const nine = await Promise.all(Array.from({ length: 8 }, async (_, index) => (await testKey(`key ${index}`)).did));
  valid("nine-rotation-keys", await founded({ rotationKeys: [...nine, server.did] }, server));
  valid(
    "verification-method-of-another-curve",
    await founded({ verificationMethods: { ...methods, ssh: ed25519 } }, server),
  );
  const long = Object.fromEntries(
    Array.from({ length: 9 }, (_, index) => [`s${index}`, { type: "Test", endpoint: `https://${"x".repeat(500)}` }]),
  );
  valid("operation-over-4000-bytes", await founded({ services: long }, server));

  // the log as a list

  add("empty-log", "plc/log-empty", []);
  add("log-in-an-object", "plc/log-form", { log: auditLog([first]) });
  add("entry-null", "plc/entry-form", [...auditLog([first]), null]);
  add("entry-without-cid", "plc/entry-form", changed(auditLog([first]), 0, { cid: undefined }));
  add("nullified-as-text", "plc/entry-form", changed(auditLog([first]), 0, { nullified: "false" }));
  add("time-is-none", "plc/time", changed(auditLog([first]), 0, { createdAt: "soon" }));
  add(
    "entry-of-another-did",
    "plc/foreign-entry",
    changed(auditLog([first, second]), 1, { did: `did:plc:${"b".repeat(24)}` }),
  );
  add("log-of-another-did", "plc/genesis-did", auditLog([first, second], { did: `did:plc:${"b".repeat(24)}` }));
  add("genesis-withheld", "plc/genesis-form", auditLog([first, second, third]).slice(1));
  add(
    "middle-withheld",
    "plc/prev-unknown",
    auditLog([first, second, third]).filter((_, index) => index !== 1),
  );
  add("entries-swapped", "plc/prev-unknown", auditLog([first, third, second], { did }));
  add("operation-twice", "plc/recovery-authority", auditLog([first, second, second]));
  add("fork-by-the-same-key", "plc/recovery-authority", auditLog([first, second, await after(first, server)]));

  // the genesis

  add("genesis-with-prev", "plc/genesis-form", auditLog([await after(second, server)]));
  add("genesis-is-a-tombstone", "plc/genesis-form", auditLog([end]));
  add("genesis-by-a-foreign-key", "plc/signature", await founded({}, foreign));
  add(
    "genesis-by-the-signing-key",
    "plc/signature",
    await founded({ verificationMethods: { atproto: foreign.did } }, foreign),
  );
  add("genesis-without-rotation-keys", "plc/signature", await founded({ rotationKeys: [] }, server));
  const { sig: _, ...unsignedFirst } = first;
  add("did-of-the-unsigned-genesis", "plc/genesis-did", auditLog([first], { did: testDid(unsignedFirst) }));
  add("genesis-nullified", "plc/nullified-flag", auditLog([first, second], { nullified: [0] }));
  add("second-genesis", "plc/second-genesis", auditLog([first, first]));
  add("legacy-create-later", "plc/second-genesis", auditLog([first, legacy], { did }));
  const modern = operation(null, { rotationKeys: [user.did, server.did], verificationMethods: methods });
  add(
    "legacy-create-shown-in-the-new-form",
    "plc/genesis-did",
    auditLog([{ ...modern, sig: legacy.sig }], { did: testDid(legacy) }),
  );
  add("legacy-create-by-a-foreign-key", "plc/signature", auditLog([await create(foreign)]));

  // hashes

  add(
    "operation-altered",
    "plc/cid",
    changed(auditLog([first, second]), 1, { operation: { ...second, alsoKnownAs: ["at://mallory.example.com"] } }),
  );
  add(
    "operation-altered-and-hashed-again",
    "plc/signature",
    withSecond({ ...second, alsoKnownAs: ["at://mallory.example.com"] }),
  );
  const { sig: _sig, ...unsignedSecond } = second;
  add(
    "cid-of-the-unsigned-operation",
    "plc/cid",
    changed(auditLog([first, second]), 1, { cid: testCid(unsignedSecond) }),
  );
  add("cid-in-another-spelling", "plc/cid", changed(auditLog([first]), 0, { cid: testCid(first).toUpperCase() }));

  // schemas

  add("field-more", "plc/schema", withSecond(await after(first, server, { note: "x" })));
  add(
    "field-more-in-a-service",
    "plc/schema",
    withSecond(
      await after(first, server, { services: { s: { type: "T", endpoint: "https://s.example", x: "" } as never } }),
    ),
  );
  add(
    "field-more-in-a-tombstone",
    "plc/schema",
    withSecond(await signed({ type: "plc_tombstone", prev: testCid(first), reason: "x" }, server)),
  );
  const { services: _services, ...withoutServices } = second;
  add("field-less", "plc/schema", withSecond(await signed(withoutServices, server)));
  add(
    "field-less-in-a-service",
    "plc/schema",
    withSecond(await after(first, server, { services: { s: { type: "T" } as never } })),
  );
  add(
    "service-as-text",
    "plc/schema",
    withSecond(await after(first, server, { services: { s: "https://s.example" as never } })),
  );
  add("unknown-type", "plc/schema", withSecond(await after(first, server, { type: "plc_operation_v2" })));
  add(
    "rotation-key-of-another-curve",
    "plc/rotation-key",
    withSecond(await after(first, server, { rotationKeys: [user.did, ed25519] })),
  );
  add(
    "rotation-key-cut",
    "plc/rotation-key",
    withSecond(await after(first, server, { rotationKeys: [user.did.slice(0, -1)] })),
  );
  add(
    "verification-method-that-is-no-key",
    "plc/verification-method",
    withSecond(await after(first, server, { verificationMethods: { atproto: "https://key.example" } })),
  );

  // signatures

  const respelled = (sig: string): TestEntry[] => withSecond({ ...second, sig });
  add("signature-padded", "plc/signature-form", respelled(`${second.sig}==`));
  add("signature-with-a-line-break", "plc/signature-form", respelled(`${second.sig}\n`));
  add("signature-with-bits-left-over", "plc/signature-form", respelled(withBitsLeftOver(second.sig)));
  add("signature-in-standard-base64", "plc/signature-form", respelled(`+/${second.sig.slice(2)}`));
  add("signature-in-der", "plc/signature-form", respelled(inDer(second.sig)));
  add("signature-empty", "plc/signature-form", respelled(""));
  add("signature-missing", "plc/schema", withSecond(unsignedSecond));
  add("signature-with-high-s-k256", "plc/signature", respelled(withHighS(second.sig, "k256")));
  const bySpare = await after(first, spare);
  add("signature-with-high-s-p256", "plc/signature", withSecond({ ...bySpare, sig: withHighS(bySpare.sig, "p256") }));
  add("signature-of-another-operation", "plc/signature", respelled(third.sig));
  add("signature-by-a-foreign-key", "plc/signature", withSecond(await after(first, foreign)));
  add(
    "signature-by-the-key-that-it-adds",
    "plc/signature",
    withSecond(await after(first, foreign, { rotationKeys: [foreign.did, ...keys] })),
  );
  add("signature-by-a-key-that-was-removed", "plc/signature", auditLog([first, rotated, await after(rotated, server)]));
  const linked = dagCbor.encode({ ...unsignedSecond, prev: CID.parse(testCid(first)) });
  add(
    "signature-over-prev-as-a-link",
    "plc/signature",
    respelled(Buffer.from(await server.sign(linked)).toString("base64url")),
  );

  // order, recovery, tombstones

  add(
    "follows-a-nullified-operation",
    "plc/prev-nullified",
    auditLog([first, second, rescue, third], { nullified: [1] }),
  );
  add("follows-a-tombstone", "plc/after-tombstone", auditLog([first, end, await after(end, server)]));
  add(
    "tombstone-recovered-too-late",
    "plc/recovery-late",
    auditLog([first, end, rescue], { nullified: [1], times: [0, hour, 73 * hour + 1] }),
  );
  add(
    "recovery-a-millisecond-late",
    "plc/recovery-late",
    auditLog([first, second, rescue], { nullified: [1], times: [0, hour, 73 * hour + 1] }),
  );
  add(
    "recovery-of-a-late-operation-of-an-old-one",
    "plc/recovery-late",
    auditLog([first, second, third, rescue], { nullified: [1, 2], times: [0, hour, 72 * hour, 74 * hour] }),
  );
  add(
    "recovery-by-a-lower-key",
    "plc/recovery-authority",
    auditLog([first, bySpare, await after(first, server)], { nullified: [1] }),
  );
  add(
    "recovery-of-a-recovery-by-a-lower-key",
    "plc/recovery-authority",
    auditLog([first, second, rescue, spareRescue], { nullified: [1, 2] }),
  );
  const crowned = await after(first, server, { rotationKeys: [foreign.did, server.did] });
  add(
    "recovery-by-a-key-that-the-disputed-operation-added",
    "plc/signature",
    auditLog([first, crowned, await after(first, foreign)], { nullified: [1] }),
  );
  const doubled = await signed(operation(null, { ...usual, rotationKeys: [server.did, user.did, server.did] }), server);
  add(
    "recovery-counts-the-first-of-two-listings",
    "plc/recovery-authority",
    auditLog([doubled, await after(doubled, server), await after(doubled, user)], { nullified: [1] }),
  );
  add(
    "recovery-at-the-time-of-the-head",
    "plc/time-order",
    auditLog([first, second, rescue], { nullified: [1], times: [0, hour, hour] }),
  );
  add(
    "recovery-before-the-head",
    "plc/time-order",
    auditLog([first, second, third, rescue], { nullified: [1, 2], times: [0, hour, 3 * hour, 2 * hour] }),
  );
  add("recovery-not-marked", "plc/nullified-flag", auditLog([first, second, rescue]));
  add("recovery-marks-too-few", "plc/nullified-flag", auditLog([first, second, third, rescue], { nullified: [1] }));
  add("head-marked-as-nullified", "plc/nullified-flag", auditLog([first, second], { nullified: [1] }));
  add("did-too-short", "plc/did", auditLog([first], { did: did.slice(0, -1) }));

  return fixtures;
}

function changed(log: readonly TestEntry[], index: number, fields: Json): Json[] {
  return log.map((entry, place) => Object.assign({}, entry, place === index ? fields : {}));
}

if (import.meta.main) {
  for (const kind of ["valid", "invalid"]) {
    rmSync(new URL(kind, folder), { recursive: true, force: true });
    mkdirSync(new URL(kind, folder), { recursive: true });
  }
  for (const fixture of await plcFixtures()) {
    writeFileSync(new URL(fixturePath(fixture), folder), fixtureText(fixture));
  }
}
