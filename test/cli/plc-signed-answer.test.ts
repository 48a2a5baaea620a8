/** Whatever a server signs beside what it was asked is refused before anything is submitted, and shown. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startLyingServer, type Asked, type LyingServer } from "../faults/lying-server.ts";
import { signed, testCid, testKey, withBitsLeftOver, withHighS } from "../tools/plc.ts";
import { run, type Ran } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-signed-"));
const password = join(folder, "password");
writeFileSync(password, "the-password");

const [user, server, fresh, foreign] = await Promise.all([
  testKey("user"),
  testKey("server"),
  testKey("fresh"),
  testKey("foreign"),
]);
let bed: LyingServer;
beforeAll(async () => {
  bed = await startLyingServer([user, server]);
});
beforeEach(() => {
  bed.submitted.length = 0;
});
afterAll(() => {
  bed.stop();
  rmSync(folder, { recursive: true });
});

async function addKey(...more: string[]): Promise<Ran> {
  const state = mkdtempSync(join(folder, "state-"));
  const args = [
    "plc",
    "add-key",
    bed.did,
    fresh.did,
    "--password-file",
    password,
    "--plc-token-command",
    "echo ABCDE-23456",
  ];
  return run([...args, "--confirm-did", bed.did, ...bed.flags, "--state-dir", state, "--no-input", ...more]);
}

const by = (change: object) => async (asked: Asked) => signed({ ...asked, ...change }, server);
const pds = (change: object) => async (asked: Asked) =>
  signed(
    { ...asked, services: { ...asked.services, atproto_pds: { ...asked.services["atproto_pds"], ...change } } },
    server,
  );
const altered = (change: (sig: string) => unknown) => async (asked: Asked) => {
  const { sig, ...rest } = await signed(asked, server);
  return { ...rest, sig: change(sig) };
};
const without = (field: string) => async (asked: Asked) => {
  const answer = await signed(asked, server);
  return Object.fromEntries(Object.entries(answer).filter(([name]) => name !== field));
};

/** Where nothing is wrong but the content, the signature is good. */
const lies: [name: string, sign: LyingServer["sign"], shown: RegExp][] = [
  ["a key more", by({ rotationKeys: [fresh.did, user.did, server.did, foreign.did] }), /rotationKeys\[3\] added/],
  ["a key above the new one", by({ rotationKeys: [foreign.did, fresh.did, user.did, server.did] }), /\[0\] added/],
  ["a key less", by({ rotationKeys: [fresh.did, server.did] }), /rotationKeys\[1\] removed/],
  ["the new key last", by({ rotationKeys: [user.did, server.did, fresh.did] }), /rotationKeys reordered/],
  ["without the new key", by({ rotationKeys: [user.did, server.did] }), /rotationKeys\[0\] removed/],
  ["a key twice", by({ rotationKeys: [fresh.did, user.did, server.did, server.did] }), /rotationKeys\[3\] added/],
  ["no key", by({ rotationKeys: [] }), /rotationKeys\[2\] removed/],
  ["another endpoint", pds({ endpoint: "https://mallory.example.com" }), /endpoint changed/],
  ["another type", pds({ type: "Other" }), /services\.atproto_pds\.type changed/],
  ["a field more in a service", pds({ note: "x" }), /services\.atproto_pds\.note added/],
  [
    "a service more",
    async (asked) =>
      signed({ ...asked, services: { ...asked.services, x: { type: "X", endpoint: "https://x" } } }, server),
    /services\.x added/,
  ],
  ["no service", by({ services: {} }), /services\.atproto_pds removed/],
  ["another signing key", by({ verificationMethods: { atproto: foreign.did } }), /atproto changed/],
  [
    "a method more",
    by({ verificationMethods: { atproto: server.did, x: foreign.did } }),
    /verificationMethods\.x added/,
  ],
  ["an altered alias", by({ alsoKnownAs: ["at://mallory.example.com"] }), /alsoKnownAs\[0\] removed/],
  ["an alias more", by({ alsoKnownAs: ["at://alice.example.com", "https://x"] }), /alsoKnownAs\[1\] added/],
  ["a stale prev", by({ prev: testCid("stale") }), /prev changed/],
  ["a genesis", by({ prev: null }), /prev changed/],
  ["a field more", by({ note: "x" }), /note added/],
  ["a tombstone", async (asked) => signed({ type: "plc_tombstone", prev: asked.prev }, server), /type changed/],
  ["a wrong signer", async (asked) => signed(asked, foreign), /none of them/],
  ["the new key as the signer", async (asked) => signed(asked, fresh), /none of them/],
  ["high S", altered((sig) => withHighS(sig, "k256")), /none of them/],
  ["padded base64", altered((sig) => `${sig}==`), /unpadded/],
  ["bits left over", altered(withBitsLeftOver), /trailing bits/],
  ["no signature", without("sig"), /sig removed/],
  ["a field less", without("alsoKnownAs"), /alsoKnownAs removed/],
  ["nothing", () => undefined, /operation changed/],
];

test.each(lies)("%s", async (_, sign, shown) => {
  bed.sign = sign;
  const { exitCode, stderr, stdout } = await addKey("--json");
  expect({ exitCode, stdout, submitted: bed.submitted }).toEqual({ exitCode: 9, stdout: "", submitted: [] });
  expect(JSON.parse(stderr)).toMatchObject({
    code: "operation-differs",
    data: { differences: expect.arrayContaining([expect.stringMatching(shown)]) as unknown },
  });
});

test("a person reads what differs, and that nothing was sent", async () => {
  bed.sign = by({ rotationKeys: [fresh.did, user.did, server.did, foreign.did] });
  const { exitCode, stderr } = await addKey();
  expect(exitCode).toBe(9);
  expect(stderr).toContain(`  + rotationKeys[0]: ${fresh.did}\n`);
  expect(stderr).toContain(
    `Error: What the server signed is not what it was asked to sign: rotationKeys[3] added: ${foreign.did}.`,
  );
  expect(stderr).toContain(
    "Hint: Nothing was sent: this run has not changed the identity. Do not submit what was signed, and do not trust",
  );
});

test("what it was asked for is submitted, and found in the log", async () => {
  bed.sign = async (asked) => signed(asked, server);
  const { exitCode, stdout } = await addKey("--json");
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ state: "added", key: fresh.did, proved: false, signer: server.did });
  expect(bed.submitted).toMatchObject([{ rotationKeys: [fresh.did, user.did, server.did] }]);
});
