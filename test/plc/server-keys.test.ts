/** Whose the rotation keys are, where no server can be asked. */
import { expect, test } from "vitest";
import { verifyLog } from "../../src/plc/log.ts";
import { rankOf } from "../../src/plc/rank.ts";
import { judgeKeys } from "../../src/plc/server-keys.ts";
import { baseOf } from "../../src/migration/restore/swap.ts";
import { keysApart, requireKeysSettled } from "../../src/migration/restore/keys-apart.ts";
import { logOf, servedAt, testKey, type TestKey, type TestStep } from "../tools/plc.ts";

const names = ["user", "second", "server", "recovery", "planted", "next"];
const [user, second, server, recovery, planted, next] = (await Promise.all(
  names.map(async (name) => testKey(name)),
)) as [TestKey, TestKey, TestKey, TestKey, TestKey, TestKey];
const elsewhere = servedAt("https://new.example.com");
const found: TestStep = { keys: [server], by: server };
const added: TestStep = { keys: [user, server], by: server };

const dids = (keys: readonly TestKey[]): string[] => keys.map(({ did }) => did);

/** The verdict on each key, by its name. */
async function judged(steps: readonly TestStep[], known = [user], leaving: TestKey[] = []): Promise<object> {
  const entries = await logOf(steps);
  const verdicts = judgeKeys(verifyLog(entries[0]!.did, entries), dids(known), dids(leaving));
  const all = [user, second, server, recovery, planted, next];
  return Object.fromEntries(
    [...verdicts].map(([key, verdict]) => [names[all.findIndex(({ did }) => did === key)], verdict]),
  );
}

test.each<[string, Parameters<typeof judged>, object]>([
  ["the one that founded the account is its server's", [[found, added]], { server: "server", user: "own" }],
  [
    "a second one that the user's key has put there is the user's",
    [[found, added, { keys: [user, second, server], by: user }]],
    { server: "server", user: "own", second: "own" },
  ],
  [
    "one that a server has put there may be its own",
    [[found, added, { keys: [user, server, planted], by: server }]],
    { server: "server", user: "own", planted: "undecided" },
  ],
  [
    "and so may one that such a key has put there",
    [
      [
        found,
        added,
        { keys: [user, server, planted], by: server },
        { keys: [user, server, planted, second], by: planted },
      ],
    ],
    { server: "server", user: "own", planted: "undecided", second: "undecided" },
  ],
  [
    "a recovery key of the genesis may be anybody's, above the server's",
    [
      [
        { keys: [recovery, server], by: server },
        { keys: [user, recovery, server], by: server },
      ],
    ],
    { recovery: "undecided", server: "server", user: "own" },
  ],
  [
    "or below it, and then both may",
    [
      [
        { keys: [server, recovery], by: server },
        { keys: [user, server, recovery], by: server },
      ],
    ],
    { recovery: "undecided", server: "undecided", user: "own" },
  ],
  [
    "what a person has said goes before it, and says what is left",
    [
      [
        { keys: [recovery, next], by: recovery },
        { keys: [user, recovery, next], by: recovery },
      ],
      [user],
      [recovery],
    ],
    { recovery: "server", next: "server", user: "own" },
  ],
  [
    "of two that came with a new server nothing shows which one it works with",
    [[found, added, { keys: [user, recovery, next], by: user, change: elsewhere }]],
    { server: "server", user: "own", recovery: "undecided", next: "undecided" },
  ],
  [
    "the only one that came with it is its own",
    [[found, added, { keys: [user, next], by: user, change: elsewhere }]],
    { server: "server", user: "own", next: "server" },
  ],
  [
    "one in the place of another may be anybody's",
    [[found, added, { keys: [user, next], by: server }]],
    { server: "server", user: "own", next: "undecided" },
  ],
])("%s", async (_, question, verdicts) => {
  expect(await judged(...question)).toEqual(verdicts);
});

test("only a key that would stay has to be decided, and never more stay than there is place for", async () => {
  const entries = await logOf([found, added, { keys: [server, planted], by: server }]);
  const log = verifyLog(entries[0]!.did, entries);
  const held = user.did;
  const settle = (nullify: string | undefined, options: Parameters<typeof keysApart>[2] = {}): unknown => {
    const apart = keysApart(log, held, options);
    const wish = { heldKeys: [held], serverKeys: apart.servers, nullify };
    try {
      requireKeysSettled(log, baseOf(log, wish, Date.parse(entries[2]!.createdAt)), apart, { held, ...options });
      return "settled";
    } catch (error) {
      return (error as { data: object }).data;
    }
  };
  expect(settle(undefined)).toEqual({ reason: "keys-in-doubt", rotationKeys: [planted.did] });
  expect(settle(undefined, { dropKeys: [planted.did] })).toBe("settled");
  expect(settle(undefined, { acceptKeys: [planted.did] })).toBe("settled");
  // What is taken back takes it along.
  expect(settle(entries[2]!.cid)).toBe("settled");
  expect(() => keysApart(log, held, { dropKeys: [held] })).toThrow(/restore with/);
  expect(() => keysApart(log, held, { dropKeys: [server.did], acceptKeys: [server.did] })).toThrow(/--accept-key/);

  const more = await Promise.all(["a", "b", "c", "d"].map(async (name) => testKey(name)));
  const full = await logOf([found, added, { keys: [user, ...more], by: user }]);
  const crowded = verifyLog(full[0]!.did, full);
  const fits = (options: Parameters<typeof keysApart>[2]): unknown => {
    const accepted = {
      acceptKeys: more.map(({ did }) => did).filter((key) => !options.dropKeys?.includes(key)),
      ...options,
    };
    try {
      requireKeysSettled(crowded, crowded.head, keysApart(crowded, held, accepted), { held, ...options });
      return "settled";
    } catch (error) {
      return error;
    }
  };
  const [one] = more;
  expect(fits({})).toMatchObject({
    data: { reason: "too-many-keys", rotationKeys: more.map(({ did }) => did) },
    hint: expect.stringContaining(`--drop-key ${one?.did ?? ""}`) as string,
  });
  expect(fits({ dropKeys: [one?.did ?? ""] })).toBe("settled");
});

async function ranked(steps: readonly TestStep[], own: TestKey): Promise<string> {
  const entries = await logOf(steps);
  const place = rankOf(verifyLog(entries[0]!.did, entries), [own.did], true);
  return place.state === "none" ? "none" : place.message;
}

test("a key that is held stands above those of the server, or below one, or alone, as who has the server's own", async () => {
  expect(await ranked([found, added], user)).toBe("Your key stands above those of the server.");
  expect(await ranked([found, { keys: [server, user], by: server }], user)).toContain(
    "A key of the server stands above",
  );
  expect(await ranked([found], server)).toBe("Your key is the only one in the identity.");
  expect(await ranked([found], user)).toBe("none");
});
