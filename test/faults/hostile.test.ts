/**
 * Servers that lie, one lie after the other, to one account that is to be moved: each run stops before it does harm,
 * and the old account is as it was. In the end, with servers that tell the truth, the same command moves the account.
 */
import { Secp256k1Keypair } from "@atproto/crypto";
import { expect, inject, test, vi } from "vitest";
import { applyWrites } from "../network/populate.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, lastOperation } from "../network/identity.ts";
import { runDecamp } from "../network/run-decamp.ts";
import { queryBytes } from "../network/xrpc.ts";
import type { Account } from "../network/account.ts";
import { askedOtherwise, changed, changedJson, flip, otherBytes, refuse, status, truncate } from "./faults.ts";
import { describeEnd, openLane, type Lane, type Side } from "./lane.ts";
import type { Fault, Where } from "./proxy.ts";

// No more at once: every run has deadlines, and here they pass ten times as fast.
vi.setConfig({ testTimeout: 600_000, maxConcurrency: 2 });

const network = connectNetwork(inject("network"));
const preload = new URL("hurry.ts", import.meta.url);

interface Lie {
  name: string;
  side: Side;
  kind: Where["kind"];
  fault: Fault;
  /** the exit code, and what the message has to say */
  ends: RegExp;
}

async function repoOf({ pds, did }: Account): Promise<Uint8Array> {
  return queryBytes(pds.url, "com.atproto.sync.getRepo", { params: { did } });
}

/** Where the last block of a CAR file begins. */
function lastBlock(car: Uint8Array): number {
  let at = 0;
  for (let next = 0; next < car.length;) {
    at = next;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = car[next] ?? 0;
      next += 1;
      length += (byte & 0x7f) << shift;
      if (byte < 0x80) {
        break;
      }
    }
    next += length;
  }
  return at;
}

/** The answer with a list in it, without the last item of that list. */
const withoutLast = changed((answer) => {
  const list = JSON.parse(answer.body.toString("utf8")) as unknown[];
  return { ...answer, body: Buffer.from(JSON.stringify(list.slice(0, -1))) };
});

const xrpc = (name: string): string => `com.atproto.${name}`;
const rotationKeys = (extra: readonly string[]): Fault =>
  changedJson((answer) => ({ ...answer, rotationKeys: [...(answer["rotationKeys"] as string[]), ...extra] }));
const signed = (change: (operation: Record<string, unknown>) => object): Fault =>
  changedJson((answer) => ({ operation: change(answer["operation"] as Record<string, unknown>) }));

/** Who is lied about: the account that is moved, its repository before, and another account with its own. */
interface Victims {
  lane: Lane;
  did: string;
  car: Uint8Array;
  otherDid: string;
  otherCar: Uint8Array;
  /** rotation keys that are nobody's */
  foreign: readonly string[];
}

/** In the order in which a move meets them: each stops it a little later than the one before. */
function liesTo({ lane, did, car, otherDid, otherCar, foreign }: Victims): Lie[] {
  const impostor = "did:web:another.example.com";
  return [
    {
      name: "the directory gives the log of another account",
      side: "directory",
      kind: "DID/log/audit",
      fault: changed((answer) => ({
        ...answer,
        body: Buffer.from(answer.body.toString("utf8").replaceAll(did, otherDid)),
      })),
      ends: /^exit 9 /,
    },
    {
      name: "the directory has changed an operation",
      side: "directory",
      kind: "DID/log/audit",
      fault: changed((answer) => ({
        ...answer,
        body: Buffer.from(answer.body.toString("utf8").replace('"rotationKeys":[', `"rotationKeys":["${foreign[0]}",`)),
      })),
      ends: /^exit 9 /,
    },
    {
      name: "the document names another server than the log",
      side: "directory",
      kind: "DID",
      fault: changed((answer) => ({
        ...answer,
        body: Buffer.from(answer.body.toString("utf8").replace(network.a.url, "https://another.example.com")),
      })),
      ends: /^exit 9 .*contradicts/,
    },
    {
      name: "the new server calls itself another one",
      side: "target",
      kind: xrpc("server.describeServer"),
      fault: changedJson((answer) => ({ ...answer, did: impostor })),
      ends: /^exit 9 .*calls itself did:web:another/,
    },
    {
      name: "the old server signs in somebody else",
      side: "source",
      kind: xrpc("server.createSession"),
      fault: changedJson((answer) => ({ ...answer, did: otherDid })),
      ends: /^exit 9 .*signed in/,
    },
    {
      name: "the old server sends the repository of another account",
      side: "source",
      kind: xrpc("sync.getRepo"),
      fault: otherBytes(otherCar),
      ends: /^exit 3 /,
    },
    {
      name: "the repository ends in the middle of a block",
      side: "source",
      kind: xrpc("sync.getRepo"),
      fault: truncate(),
      ends: /^exit 3 /,
    },
    {
      name: "the repository ends behind a block, and one is missing",
      side: "source",
      kind: xrpc("sync.getRepo"),
      fault: truncate(lastBlock(car)),
      ends: /^exit 3 /,
    },
    {
      name: "the repository has a bit flipped",
      side: "source",
      kind: xrpc("sync.getRepo"),
      fault: flip(),
      ends: /^exit 3 /,
    },
    {
      name: "the old server sends other blobs",
      side: "source",
      kind: xrpc("sync.getBlob"),
      fault: otherBytes(Buffer.from("another blob")),
      ends: /^exit 3 .*other bytes/,
    },
    {
      name: "the new server says that it has imported the repository",
      side: "target",
      kind: xrpc("repo.importRepo"),
      fault: status(200),
      ends: /^exit 9 /,
    },
    {
      name: "the new server loses blobs",
      side: "target",
      kind: xrpc("sync.getBlob"),
      fault: refuse(400, "InvalidRequest", "Blob not found"),
      ends: /^exit 9 .*does not give back the blob/,
    },
    {
      name: "the new server gives back other blobs",
      side: "target",
      kind: xrpc("sync.getBlob"),
      fault: flip(),
      ends: /^exit 9 .*does not give back the blob/,
    },
    {
      name: "the new server gives out another repository",
      side: "target",
      kind: xrpc("sync.getRepo"),
      fault: otherBytes(otherCar),
      ends: /^exit 3 /,
    },
    {
      name: "the new server recommends foreign rotation keys",
      side: "target",
      kind: xrpc("identity.getRecommendedDidCredentials"),
      fault: rotationKeys(foreign),
      ends: /^exit 9 .*wants 3 rotation keys/,
    },
    {
      name: "the new server wants to be another server in the identity",
      side: "target",
      kind: xrpc("identity.getRecommendedDidCredentials"),
      fault: changed((answer) => ({
        ...answer,
        body: Buffer.from(answer.body.toString("utf8").replace(lane.target.url, "https://another.example.com")),
      })),
      ends: /^exit 9 .*wants to be named as/,
    },
    {
      name: "the new server recommends a signing key that it does not have",
      side: "target",
      kind: xrpc("identity.getRecommendedDidCredentials"),
      fault: changedJson((answer) => ({ ...answer, verificationMethods: { atproto: foreign[0] } })),
      ends: /^exit 5 .*Incorrect signing key/,
    },
    {
      name: "the old server signs with a key too many",
      side: "source",
      kind: xrpc("identity.signPlcOperation"),
      fault: askedOtherwise((body) => ({
        ...body,
        rotationKeys: [foreign[0], ...(body["rotationKeys"] as string[])],
      })),
      ends: /^exit 9 /,
    },
    {
      name: "the old server signs another server",
      side: "source",
      kind: xrpc("identity.signPlcOperation"),
      fault: askedOtherwise((body) => ({ ...body, services: {} })),
      ends: /^exit 9 /,
    },
    {
      name: "the old server signs a tombstone",
      side: "source",
      kind: xrpc("identity.signPlcOperation"),
      fault: signed(({ prev, sig }) => ({ type: "plc_tombstone", prev, sig })),
      ends: /^exit 9 /,
    },
    {
      name: "the old server's signature is another one",
      side: "source",
      kind: xrpc("identity.signPlcOperation"),
      fault: signed((operation) => ({ ...operation, sig: String(operation["sig"]).split("").toReversed().join("") })),
      ends: /^exit 9 /,
    },
    {
      name: "the new server says that it has submitted the operation",
      side: "target",
      kind: xrpc("identity.submitPlcOperation"),
      fault: status(200),
      ends: /^exit 9 .*does not have the operation/,
    },
  ];
}

test.concurrent("every lie is noticed before it does harm", async () => {
  const foreign = await Promise.all([1, 2].map(async () => (await Secp256k1Keypair.create()).did()));
  // Two accounts, and every other lie to each: the runs wait more than they work.
  const told = await Promise.all(
    [0, 1].map(async (share) => {
      await using lane = await openLane(network, `hostile${share}`);
      const { account: other } = await lane.newSubject({ blobs: 2 });
      let car: Uint8Array = new Uint8Array();
      const subject = await lane.newSubject({
        blobs: 3,
        prepare: async (account) => {
          car = await repoOf(account);
        },
      });
      const { did } = subject.account;
      const all = liesTo({ lane, did, car, otherDid: other.did, otherCar: await repoOf(other), foreign });
      const lies = all.filter((_, index) => index % 2 === share);
      for (const { name, side, kind, fault, ends } of lies) {
        const rule = lane.proxies[side].when({ kind: kind ?? /./ }, fault);
        const ended = describeEnd(await runDecamp(subject.move.args, { preload }));
        lane.proxies[side].behave();
        expect({ name, ended, changes: await subject.changes() }).toEqual({
          name,
          ended: expect.stringMatching(ends) as string,
          changes: [],
        });
        expect([name, rule.hits.length > 0]).toEqual([name, true]);
      }
      expect(describeEnd(await runDecamp(subject.move.args))).toBe("exit 0");
      expect(await subject.flaws()).toEqual([]);
      await subject.move.remove();
      return lies.length;
    }),
  );
  expect(told).toEqual([11, 11]);
});

test.concurrent(
  "an old repository is refused: beside a newer archive, and when the server has a newer head",
  async () => {
    await using lane = await openLane(network, "stale");
    let old: Uint8Array = new Uint8Array();
    const subject = await lane.newSubject({
      blobs: 2,
      prepare: async (account) => {
        old = await repoOf(account);
        const value = { $type: "app.bsky.feed.post", text: "One more.", createdAt: new Date().toISOString() };
        await applyWrites(account, [{ collection: "app.bsky.feed.post", rkey: "3kaaaaaaaaa2b", value }]);
      },
    });
    const { move } = subject;
    lane.proxies.source.when({ kind: "com.atproto.sync.getRepo" }, otherBytes(old));
    expect(describeEnd(await runDecamp(move.args, { preload }))).toMatch(/^exit 9 .*changes faster/);
    expect(await subject.changes()).toEqual([]);

    lane.proxies.source.behave();
    expect(describeEnd(await runDecamp([...move.args, "--until", "verify"]))).toBe("exit 0");
    lane.proxies.source.when({ kind: "com.atproto.sync.getRepo" }, otherBytes(old));
    // A server that was set back says so in everything that it answers.
    lane.proxies.source.when(
      { kind: "com.atproto.sync.getLatestCommit" },
      changedJson((answer) => ({ ...answer, cid: "bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi" })),
    );
    expect(describeEnd(await runDecamp(move.args, { preload }))).toMatch(/^exit 9 .*older/);
    expect(await subject.changes()).toEqual([]);
    lane.proxies.source.behave();
    expect(describeEnd(await runDecamp(move.args))).toBe("exit 0");
    expect(await subject.flaws()).toEqual([]);
    await move.remove();
  },
);

test.concurrent("a directory that hides the newest operation is noticed", async () => {
  await using lane = await openLane(network, "hides");
  const subject = await lane.newSubject({ blobs: 2, prepare: async (account) => addOwnParts(network, account) });
  const { move } = subject;
  expect(describeEnd(await runDecamp([...move.args, "--until", "verify"]))).toBe("exit 0");
  const rule = lane.proxies.directory.when({ kind: "DID/log/audit" }, withoutLast);
  expect(describeEnd(await runDecamp(move.args, { preload }))).toMatch(/^exit 9 .*no longer has the operation/);
  expect(rule.hits.length).toBeGreaterThan(0);
  expect(await subject.changes()).toEqual([]);
  lane.proxies.directory.behave();
  expect(describeEnd(await runDecamp(move.args))).toBe("exit 0");
  expect(await subject.flaws()).toEqual([]);
  await move.remove();
});

test.concurrent("what was shown is what gets signed, whatever the new server recommends by then", async () => {
  await using lane = await openLane(network, "swaps");
  const subject = await lane.newSubject({ blobs: 2 });
  const foreign = (await Secp256k1Keypair.create()).did();
  let asked = 0;
  const swapped = changedJson((answer) => ({
    ...answer,
    rotationKeys: [foreign, ...(answer["rotationKeys"] as string[])],
  }));
  lane.proxies.target.when({ kind: "com.atproto.identity.getRecommendedDidCredentials" }, async (exchange) => {
    asked += 1;
    await (asked === 1 ? exchange.pass() : swapped(exchange));
  });
  expect(describeEnd(await runDecamp(subject.move.args))).toBe("exit 0");
  lane.proxies.target.behave();
  expect(await subject.flaws()).toEqual([]);
  expect((await lastOperation(network.plcUrl, subject.account.did)).rotationKeys).not.toContain(foreign);
  await subject.move.remove();
});
