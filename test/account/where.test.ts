/** The states of an account, from what the log and the servers say: a table, and the facts that go with each. */
import { describe, expect, test } from "vitest";
import type { Place } from "../../src/account/places.ts";
import { homeBefore, judgeWhere, recentMoves, staysOf, whereStates, type WhereState } from "../../src/account/where.ts";
import type { WebMove, WebPast } from "../../src/account/web/past.ts";
import { verifyLog } from "../../src/plc/log.ts";
import { emptyTree } from "../../src/repo/head.ts";
import { at, auditLog, hour, operation, signed, testCid, testKey, type Content } from "../tools/plc.ts";

const s = "https://old.example.com";
const t = "https://new.example.com";
const third = "https://third.example.com";
const [user, oldKey, newKey] = await Promise.all([testKey("user"), testKey("old"), testKey("new")]);

const servedAt = (endpoint: string): Pick<Content, "services"> => ({
  services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint } },
});
const born = await signed(operation(null, { ...servedAt(s), rotationKeys: [oldKey.did] }), oldKey);
const keyed = await signed(operation(testCid(born), { ...servedAt(s), rotationKeys: [user.did, oldKey.did] }), oldKey);
const moved = await signed(operation(testCid(keyed), { ...servedAt(t), rotationKeys: [user.did, newKey.did] }), oldKey);
const onward = await signed(operation(testCid(moved), { ...servedAt(third), rotationKeys: [user.did] }), user);
const rescue = await signed(operation(testCid(keyed), { ...servedAt(s), rotationKeys: [user.did, oldKey.did] }), user);
const back = await signed(operation(testCid(moved), { ...servedAt(s), rotationKeys: [user.did, oldKey.did] }), newKey);

const logs = {
  /** Lives at S, and never lived elsewhere. */
  atS: verifyLog(auditLog([born])[0]!.did, auditLog([born, keyed])),
  /** Moved from S to T. */
  atT: verifyLog(auditLog([born])[0]!.did, auditLog([born, keyed, moved])),
  /** Moved to T, and that was nullified. */
  undone: verifyLog(auditLog([born])[0]!.did, auditLog([born, keyed, moved, rescue], { nullified: [2] })),
  /** Moved to T and back. */
  returned: verifyLog(auditLog([born])[0]!.did, auditLog([born, keyed, moved, back])),
  /** Moved to T and on. */
  away: verifyLog(auditLog([born])[0]!.did, auditLog([born, keyed, moved, onward])),
};

const full = { commit: "c", did: "d", rev: "r", data: "full" };
const empty = { ...full, data: emptyTree };

type Said = [state: string, head?: typeof full];

function judge(log: keyof typeof logs, source: Said, target: Said | undefined, now = 3) {
  const place = (url: string, [state, head]: Said): Place => ({ url, state, head });
  const places = { source: place(s, source), target: target === undefined ? undefined : place(t, target) };
  const home = {
    atS: places.source,
    atT: places.target,
    undone: places.source,
    returned: places.source,
    away: undefined,
  };
  return judgeWhere(
    logs[log],
    { ...places, home: log === "away" ? place(third, ["active"]) : home[log] },
    Date.parse(at(now * hour)),
  );
}

const table: [WhereState, keyof typeof logs, Said, Said | undefined][] = [
  ["at-home", "atS", ["active"], undefined],
  ["not-begun", "atS", ["active"], ["absent"]],
  ["begun", "atS", ["active"], ["deactivated"]],
  ["frozen", "atS", ["deactivated"], ["deactivated"]],
  ["frozen", "atS", ["deactivated"], ["absent"]],
  ["frozen", "atS", ["deactivated"], ["active"]],
  ["frozen", "atS", ["deactivated"], undefined],
  ["frozen", "returned", ["deactivated"], ["deactivated"]],
  ["copy-active", "atS", ["active"], ["active"]],
  ["returned", "undone", ["active"], ["deactivated"]],
  ["returned", "returned", ["active"], ["deactivated"]],
  ["return-unfinished", "undone", ["active"], ["active"]],
  ["return-unfinished", "returned", ["deactivated"], ["active"]],
  ["switched", "atT", ["active"], ["deactivated"]],
  ["switched", "atT", ["unreachable"], ["deactivated"]],
  ["switched-empty", "atT", ["active", full], ["active", empty]],
  ["switched-empty", "atT", ["unreachable"], ["active", empty]],
  ["source-active", "atT", ["active", empty], ["active", empty]],
  ["moved", "atT", ["deactivated"], ["active", empty]],
  ["switched-absent", "atT", ["active"], ["absent"]],
  ["source-active", "atT", ["active", full], ["active", full]],
  ["source-unknown", "atT", ["unknown"], ["active", full]],
  ["moved", "atT", ["deactivated"], ["active", full]],
  ["moved", "atT", ["absent"], ["active", full]],
  ["moved", "atT", ["takendown"], ["active", full]],
  ["elsewhere", "away", ["deactivated"], ["deactivated"]],
  ["home-absent", "atS", ["absent"], ["deactivated"]],
  ["taken-down", "atS", ["takendown"], ["absent"]],
  ["taken-down", "atT", ["active"], ["suspended"]],
  ["home-unknown", "atS", ["unreachable"], ["deactivated"]],
  ["home-unknown", "atT", ["active"], ["unknown"]],
  ["target-unknown", "atS", ["active"], ["unreachable"]],
];

test.each(table)("%s: %s, source %j, target %j", (state, log, source, target) => {
  expect(judge(log, source, target).state).toBe(state);
});

test("every state is in the table", () => {
  expect([...new Set(table.map(([state]) => state))].sort()).toEqual(Object.keys(whereStates).sort());
});

test.each(table)("%s: dark is what nobody can see, and nothing where the account has lived is reversible", (...row) => {
  const [, log, source, target] = row;
  const where = judge(log, source, target);
  const home = log === "away" ? "active" : (log === "atT" ? target : source)?.[0];
  expect(where.dark).toBe(!["active", "unreachable", "unknown"].includes(home ?? ""));
  if (where.reversible) {
    expect(log).toBe("atS");
  }
});

test("a copy that is active at once goes on and back as long as it has nothing of its own", () => {
  const other = { ...full, data: "other" };
  const can = (here: Said): unknown => {
    const { state, reversible, next } = judge("atS", ["active", full], here);
    return [state, reversible, next?.[0]];
  };
  for (const head of [undefined, empty, full]) {
    expect(can(["active", ...(head === undefined ? [] : [head])] as Said)).toEqual(["copy-active", true, "migrate"]);
  }
  expect(can(["active", other])).toEqual(["copy-active", false, undefined]);
});

describe("who can undo the move", () => {
  const command = ["plc", "undo", logs.atT.did];

  test("the key that stood above the signer, until the window closes", () => {
    const until = Date.parse(at(2 * hour)) + 72 * hour;
    expect(judge("atT", ["active"], ["deactivated"]).undo).toEqual({
      operation: testCid(moved),
      keys: [user.did],
      until,
      command,
    });
  });

  test("after that the same key, for as long as it is in the list", () => {
    expect(judge("atT", ["active"], ["deactivated"], 75).undo).toEqual({
      operation: testCid(moved),
      keys: [user.did],
      command,
    });
  });

  test("nobody is named where the account never moved", () => {
    expect(judge("atS", ["active"], ["deactivated"]).undo).toBeUndefined();
  });
});

describe("the next command", () => {
  const did = logs.atS.did;
  const forward = ["migrate", did, "--from", s, "--to", t];

  test.each<[string, readonly string[] | undefined, ReturnType<typeof judge>]>([
    ["begins", forward, judge("atS", ["active"], ["absent"])],
    ["goes on", forward, judge("atT", ["active"], ["deactivated"])],
    ["finishes an undoing", ["plc", "undo", did], judge("undone", ["active"], ["active"])],
    ["finishes a move back", ["migrate", did, "--from", t, "--to", s], judge("returned", ["deactivated"], ["active"])],
    ["takes the identity back where there is no account", ["plc", "undo", did], judge("atT", ["active"], ["absent"])],
    ["is none where the old server has it no more, either", undefined, judge("atT", ["absent"], ["absent"])],
    ["is none where all is done", undefined, judge("atT", ["deactivated"], ["active"])],
  ])("%s", (_name, next, where) => {
    expect(where.next).toEqual(next);
  });
});

test("without a key that can sign it, no undo is named", async () => {
  const alone = await signed(operation(testCid(born), { ...servedAt(t), rotationKeys: [newKey.did] }), oldKey);
  const past = verifyLog(logs.atS.did, auditLog([born, alone]));
  const target: Place = { url: t, state: "absent" };
  const where = judgeWhere(
    past,
    { home: target, source: { url: s, state: "active" }, target },
    Date.parse(at(3 * hour)),
  );
  expect(where).toMatchObject({ state: "switched-absent" });
  expect([where.next, where.undo]).toEqual([undefined, undefined]);
});

const cids = (log: keyof typeof logs): unknown => {
  const { last, nullified, reversed } = recentMoves(logs[log]);
  return [last, nullified, reversed].map((move) => move?.operation.cid);
};

describe("the log as moves", () => {
  test("stays are stretches of one server; what was nullified is none", () => {
    expect(staysOf(logs.returned).map(({ server }) => server)).toEqual([s, t, s]);
    expect(staysOf(logs.undone).map(({ server }) => server)).toEqual([s]);
  });

  test("the last move, one that was nullified, and one that was reversed", () => {
    expect(cids("atS")).toEqual([undefined, undefined, undefined]);
    expect(cids("atT")).toEqual([testCid(moved), undefined, undefined]);
    expect(cids("undone")).toEqual([undefined, testCid(moved), undefined]);
    expect(cids("returned")).toEqual([testCid(back), undefined, testCid(moved)]);
    expect(cids("away")).toEqual([testCid(onward), undefined, undefined]);
  });
});

describe("a did:web, which keeps no past", () => {
  const web = { did: "did:web:alice.example.com", home: s, signingKeys: [], moves: [] };
  const judgeWeb = (past: WebPast, source: string, target: string) => {
    const places = { source: { url: s, state: source }, target: { url: t, state: target } };
    return judgeWhere(past, { ...places, home: past.home === t ? places.target : places.source }, undefined);
  };
  const begun = { source: s, target: t, made: true, published: false };

  test("what is at a server may be where it has lived, unless a journal shows that a move has made it", () => {
    expect(judgeWeb(web, "active", "deactivated")).toMatchObject({
      state: "begun",
      livedAtTarget: true,
      reversible: false,
    });
    expect(judgeWeb({ ...web, moves: [begun] }, "active", "deactivated")).toMatchObject({
      state: "begun",
      livedAtTarget: false,
      reversible: true,
      copyExpiresDays: 3,
    });
    expect(judgeWeb(web, "active", "absent")).toMatchObject({ state: "not-begun", reversible: true });
  });

  test.each<[string, WebMove]>([
    ["it was moved there, as the document has shown", { ...begun, published: true }],
    ["it was moved away from there", { source: t, target: third, made: true, published: false }],
  ])("it has lived there: %s", (_, move) => {
    expect(judgeWeb({ ...web, moves: [begun, move] }, "active", "deactivated")).toMatchObject({
      state: "returned",
      livedAtTarget: true,
      reversible: false,
    });
  });

  test("there is nothing to undo, and no command of a did:plc is named", () => {
    const there = { ...web, home: t, moves: [begun] };
    expect(homeBefore(there)).toBe(s);
    expect(homeBefore({ ...there, moves: [] })).toBeUndefined();
    expect(judgeWeb(there, "active", "deactivated")).toMatchObject({
      state: "switched",
      next: ["migrate", web.did, "--from", s, "--to", t],
    });
    const absent = judgeWeb(there, "active", "absent");
    expect(absent.state).toBe("switched-absent");
    expect([absent.next, absent.undo, judgeWeb(there, "deactivated", "active").undo]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
