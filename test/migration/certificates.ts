/**
 * The certificates of fixtures/certificates: right ones, and forged ones with one fault each, named by it.
 * `node test/migration/certificates.ts` writes the files anew; certificate.test.ts asks that they are what this makes.
 * Everything is derived from names, so the files are the same every time.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { CidLink, cidFor } from "../../src/data/cid.ts";
import type { Certificate } from "../../src/migration/certificate.ts";
import { tid } from "../repo/tools/account.ts";
import { makeCar, makeCommit } from "../repo/tools/build.ts";
import { at, auditLog, hour, operation, signed, testCid, testDid, testKey } from "../tools/plc.ts";
import type { Content, Json, TestKey } from "../tools/plc.ts";

export interface CertificateFixture {
  readonly name: string;
  /** What the certificate proves of the copy. */
  readonly expect: "identical" | "unsigned" | "different" | "unproved";
  /** Words that the one finding of a certificate that is not right has to have. */
  readonly because?: string;
  readonly certificate: Certificate;
}

export const folder: URL = new URL("../../fixtures/certificates/", import.meta.url);

export function fixturePath({ name, because }: CertificateFixture): string {
  return `${because === undefined ? "valid" : "invalid"}/${name}.json`;
}

export function fixtureText({ expect, because, certificate }: CertificateFixture): string {
  return `${JSON.stringify({ expect, because, certificate }, null, 2)}\n`;
}

type Signed = Json & { sig: string };

/** Three servers. The account begins at the first. */
const [a, b, c] = ["https://a.example.com", "https://b.example.com", "https://c.example.com"];

const alone = "does not name for https://b.example.com alone";
const foreign = "not signed with a key that the log names for https://b.example.com after the move";
const notOld = "The old commit is not signed with a key that the account had at https://a.example.com";
const noMove = "no operation that moved the account between these two servers";

/** What a certificate of the last operation of a log says of it. */
function about(log: readonly Signed[], nullified: readonly number[] = []): Partial<Certificate> {
  return { operation: testCid(log.at(-1)), plcLog: auditLog(log, { nullified }) };
}

/** The revision of a commit that was made so many hours after the account. */
function rev(hours: number): string {
  return tid(Date.parse(at(hours * hour)) * 1000);
}

export async function certificateFixtures(): Promise<CertificateFixture[]> {
  const [user, keyA, keyA2, keyB, keyB2, keyC, stranger] = (await Promise.all(
    ["user", "server a", "server a, later", "server b", "server b, later", "server c", "stranger"].map((name) =>
      testKey(name),
    ),
  )) as [TestKey, TestKey, TestKey, TestKey, TestKey, TestKey, TestKey];

  const says = (pds: string, key: TestKey, change: Partial<Content> = {}): Partial<Content> & Json => ({
    rotationKeys: [user.did, stranger.did],
    verificationMethods: { atproto: key.did },
    services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: pds } },
    ...change,
  });
  const begin = async (pds: string, key: TestKey, change: Partial<Content> = {}): Promise<Signed> =>
    signed(operation(null, says(pds, key, change)), user);
  const then = async (prev: Signed, pds: string, key: TestKey, change: Partial<Content> = {}): Promise<Signed> =>
    signed(operation(testCid(prev), says(pds, key, change)), user);
  /** The same by a key of less power, so that the user can nullify it. */
  const weakly = async (prev: Signed, pds: string, key: TestKey): Promise<Signed> =>
    signed(operation(testCid(prev), says(pds, key)), stranger);

  const genesis = await begin(a, keyA);
  const move = await then(genesis, b, keyB);
  const did = testDid(genesis);
  const tree = cidFor("dag-cbor", Buffer.from("the tree that was moved"));
  const otherTree = cidFor("dag-cbor", Buffer.from("another tree"));

  /** A commit alone, in a CAR file. The account is the usual one, and the tree the one that was moved. */
  const commit = async (
    key: TestKey,
    hours: number,
    { data = tree, of = did }: { data?: string; of?: string } = {},
  ): Promise<string> => {
    const fields = { did: of, version: 3, data: new CidLink(data), rev: rev(hours), prev: null };
    const block = await makeCommit(fields, { didKey: key.did, sign: (bytes) => key.sign(bytes) });
    return makeCar(block.cid, [block]).toString("base64");
  };

  const oldCommit = await commit(keyA, 0.5);
  const newCommit = await commit(keyB, 1.5);
  const usual: Certificate = {
    format: 1,
    writtenBy: "decamp 0.1.0",
    movedAt: at(hour),
    did,
    oldHandle: "alice.example.com",
    handle: "alice.example.com",
    source: a,
    target: b,
    records: 1,
    blobs: 0,
    missingBlobs: [],
    operation: testCid(move),
    oldCommit,
    newCommit,
    plcLog: auditLog([genesis, move]),
  };
  const { newCommit: _, ...unsigned } = usual;

  const fixtures: CertificateFixture[] = [];
  const right = (
    name: string,
    change: Partial<Certificate> = {},
    expect: "identical" | "unsigned" = "identical",
  ): void => {
    fixtures.push({ name, expect, certificate: { ...(expect === "unsigned" ? unsigned : usual), ...change } });
  };
  const wrong = (name: string, because: string, change: Partial<Certificate>): void => {
    fixtures.push({ name, expect: "unproved", because, certificate: { ...usual, ...change } });
  };
  // right

  right("both-signed");
  right("new-server-signed-nothing", {}, "unsigned");
  const rekeyed = await then(genesis, a, keyA2);
  right("old-key-changed-before-the-move", about([genesis, rekeyed, await then(rekeyed, b, keyB)]));
  const renewed = await then(move, b, keyB2);
  right("new-key-changed-after-the-move", {
    newCommit: await commit(keyB2, 2.5),
    plcLog: auditLog([genesis, move, renewed]),
  });
  right("moved-on-since", { plcLog: auditLog([genesis, move, await then(move, c, keyC)]) });
  right("handle-changed-since", {
    plcLog: auditLog([genesis, move, await then(move, b, keyB, { alsoKnownAs: ["at://alice.b.example.com"] })]),
  });
  const attempt = await weakly(genesis, c, keyC);
  right("another-move-was-nullified-before", about([genesis, attempt, move], [1]));
  const wrongTurn = await weakly(move, c, keyC);
  const stayed = await then(move, b, keyB, { alsoKnownAs: ["at://alice.b.example.com"] });
  right("another-move-was-nullified-since", {
    plcLog: auditLog([genesis, move, wrongTurn, stayed], { nullified: [2] }),
  });
  const withSlash = await then(genesis, `${b}/`, keyB);
  right("endpoint-with-a-slash", about([genesis, withSlash]));

  // The log does not show the move

  wrong("operation-not-in-the-log", noMove, { operation: testCid(await then(genesis, c, keyC)) });
  wrong("operation-is-the-first", noMove, { operation: testCid(genesis), target: a, source: b });
  wrong("source-is-another-server", noMove, { source: c });
  wrong("target-is-another-server", noMove, { target: c });
  const back = await then(genesis, a, keyA, { alsoKnownAs: ["at://undone.example.com"] });
  wrong("move-was-nullified", "was nullified", {
    operation: testCid(await weakly(genesis, b, keyB)),
    plcLog: auditLog([genesis, await weakly(genesis, b, keyB), back], { nullified: [1] }),
  });
  const renamed = await then(genesis, a, keyA2, { alsoKnownAs: ["at://other.example.com"] });
  wrong("same-server", "this is no move", {
    ...about([genesis, renamed]),
    target: a,
    newCommit: await commit(keyA2, 1.5),
  });
  wrong("log-that-does-not-verify", "not signed by a rotation key", {
    plcLog: auditLog([genesis, { ...move, alsoKnownAs: ["at://mallory.example.com"] }]),
  });
  wrong("log-without-its-end", noMove, { plcLog: auditLog([genesis]) });

  // The old server's part

  wrong("old-commit-of-another-account", "This is not a commit of", {
    oldCommit: await commit(keyA, 0.5, { of: "did:plc:ewvi7nxzyoun6zhxrhs64oiz" }),
  });
  wrong("old-commit-signed-by-a-stranger", "This is not a commit of", { oldCommit: await commit(stranger, 0.5) });
  wrong("old-commit-signed-by-the-new-server", notOld, { oldCommit: await commit(keyB, 0.5) });
  const fromC = await begin(c, keyC);
  const ofC = testDid(fromC);
  const toA = await then(fromC, a, keyA);
  wrong("old-commit-signed-by-the-server-before", notOld, {
    ...about([fromC, toA, await then(toA, b, keyB)]),
    did: ofC,
    oldCommit: await commit(keyC, 0.5, { of: ofC }),
    newCommit: await commit(keyB, 2.5, { of: ofC }),
  });

  // The new server's part

  wrong("new-commit-of-another-account", "This is not a commit of", {
    newCommit: await commit(keyB, 1.5, { of: "did:plc:ewvi7nxzyoun6zhxrhs64oiz" }),
  });
  wrong("new-commit-signed-by-a-stranger", "This is not a commit of", { newCommit: await commit(stranger, 1.5) });
  wrong("old-commit-twice", foreign, { newCommit: oldCommit });
  wrong("new-commit-signed-by-the-old-server", foreign, { newCommit: await commit(keyA, 1.5) });
  wrong("old-commit-twice-after-a-move-back", foreign, {
    newCommit: oldCommit,
    plcLog: auditLog([genesis, move, await then(move, a, keyA)]),
  });
  wrong("new-commit-signed-by-the-server-after", foreign, {
    newCommit: await commit(keyC, 2.5),
    plcLog: auditLog([genesis, move, await then(move, c, keyC)]),
  });
  wrong("new-commit-with-a-key-that-came-after-a-second-move", foreign, {
    newCommit: await commit(keyB2, 3.5),
    plcLog: auditLog([genesis, move, await then(move, a, keyA), await then(await then(move, a, keyA), b, keyB2)]),
  });
  wrong("new-commit-with-a-nullified-key", "This is not a commit of", {
    newCommit: await commit(keyB2, 2.5),
    plcLog: auditLog([genesis, move, await weakly(move, b, keyB2), stayed], { nullified: [2] }),
  });
  const sharing = await then(genesis, b, keyA);
  wrong("both-servers-have-the-same-key", alone, { ...about([genesis, sharing]), newCommit: await commit(keyA, 1.5) });
  const home = await then(move, a, keyA2);
  wrong("new-key-of-an-earlier-stay", alone, {
    ...about([genesis, move, home, await then(home, b, keyB)]),
    oldCommit: await commit(keyA2, 2.5),
    newCommit: await commit(keyB, 3.5),
  });
  const undone = await weakly(genesis, b, keyB);
  const undo = await then(genesis, a, keyA, { alsoKnownAs: ["at://undone.example.com"] });
  wrong("new-key-of-a-nullified-stay", alone, {
    ...about([genesis, undone, undo, await then(undo, b, keyB)], [1]),
    newCommit: await commit(keyB, 3.5),
  });
  wrong("new-key-of-a-later-server-too", alone, { plcLog: auditLog([genesis, move, await then(move, c, keyB)]) });
  wrong("new-key-of-a-nullified-server-too", alone, {
    plcLog: auditLog([genesis, move, await weakly(move, c, keyB), stayed], { nullified: [2] }),
  });
  const labelled = await begin(a, keyA, { verificationMethods: { atproto: keyA.did, label: keyB.did } });
  const ofLabelled = testDid(labelled);
  wrong("new-key-had-another-use-before", alone, {
    ...about([labelled, await then(labelled, b, keyB)]),
    did: ofLabelled,
    oldCommit: await commit(keyA, 0.5, { of: ofLabelled }),
    newCommit: await commit(keyB, 1.5, { of: ofLabelled }),
  });
  const own = await begin(a, keyA, { rotationKeys: [user.did, keyB.did] });
  const ofOwn = testDid(own);
  wrong("new-key-was-a-rotation-key-before", alone, {
    ...about([own, await then(own, b, keyB)]),
    did: ofOwn,
    oldCommit: await commit(keyA, 0.5, { of: ofOwn }),
    newCommit: await commit(keyB, 1.5, { of: ofOwn }),
  });
  wrong("new-commit-older", "is not newer", { newCommit: await commit(keyB, 0.25) });
  wrong("new-commit-of-the-same-revision", "is not newer", { newCommit: await commit(keyB, 0.5) });
  fixtures.push({
    name: "new-commit-of-another-tree",
    expect: "different",
    because: "different trees",
    certificate: { ...usual, newCommit: await commit(keyB, 1.5, { data: otherTree }) },
  });
  return fixtures;
}

if (import.meta.filename === process.argv[1]) {
  for (const name of ["valid", "invalid"]) {
    const place = new URL(`${name}/`, folder);
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
  }
  for (const fixture of await certificateFixtures()) {
    writeFileSync(new URL(fixturePath(fixture), folder), fixtureText(fixture));
  }
}
