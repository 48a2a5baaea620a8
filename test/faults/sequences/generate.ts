/**
 * Seed → sequence. A sequence is put together of short scenes with random parts, so that what seldom happens by chance
 * alone happens as well; the first scene goes in turn by the seed, the others come by chance.
 */
import { stepIds, type StepId } from "../../../src/migration/step-ids.ts";
import { integer, pick, seededRandom, type Random } from "../../network/random.ts";
import { serverNames, type Action, type Interruption, type Move, type Sequence, type ServerName } from "./actions.ts";

/** What the sequence has brought about, if everything went as it was meant. */
interface Guess {
  home: ServerName;
  /** the homes before */
  earlier: ServerName[];
  /** somebody needs a rotation key of the user's own */
  needsKey?: true;
}

type Scene = (random: Random, guess: Guess) => Action[];

/** An action that may happen any time. */
const noise: Scene = (random, { home }) => {
  const anywhere = pick(random, serverNames);
  return [
    pick<Action>(random, [
      { do: "post", at: home, picture: true },
      { do: "post", at: anywhere },
      { do: "delete", at: home },
      { do: "lose", what: "journals" },
      { do: "lose", what: "state" },
      { do: "restore-journals", ago: integer(random, 1, 3) },
      { do: "add-key" },
    ]),
  ];
};

const scenes: Record<string, readonly [weight: number, Scene]> = {
  "a move": [6, (random, guess) => [move(random, guess, other(random, guess))]],
  "a move that is broken off, and again": [
    6,
    (random, guess) => {
      const whole = move(random, guess, other(random, guess));
      const first = { ...whole, ...brokenOff(random) };
      return [first, ...maybe(random, 0.6, () => noise(random, guess)), whole];
    },
  ],
  "there, back, and there again, with a post while the code is awaited": [
    3,
    (random, guess) => {
      const { home } = guess;
      const away = other(random, guess);
      const there = sure(random, guess, away);
      const back = { ...sure(random, guess, home), ...maybeMeanwhile(random) };
      const again: Move = { ...sure(random, guess, away), sign: "code", postMeanwhile: true };
      return [there, ...maybe(random, 0.5, () => [{ do: "post", at: away }]), back, again];
    },
  ],
  "a late post, and back": [
    2,
    (random, guess) => {
      const { home } = guess;
      const away = other(random, guess);
      const there: Move = { ...sure(random, guess, away), sign: "code", postMeanwhile: true };
      return [there, { do: "post", at: away }, sure(random, guess, home)];
    },
  ],
  "on to the third": [
    2,
    (random, guess) => [
      sure(random, guess, other(random, guess)),
      { do: "post", at: guess.home },
      move(random, guess, other(random, guess)),
    ],
  ],
  "a move, and undone": [
    4,
    (random, guess) => {
      const { home } = guess;
      guess.needsKey = true;
      const signed: Pick<Move, "sign"> = { sign: random() < 0.85 ? "code" : "key" };
      const there = { ...sure(random, guess, other(random, guess)), ...signed };
      const away = guess.home;
      const undo = (newPassword: boolean): Action => ({
        do: "undo",
        account: "did",
        newPassword,
        operation: random() < 0.2,
        key: random() < 0.8 ? "oldest" : "newest",
        ...(random() < 0.2 ? { interrupt: interruptedAt(random, { ms: integer(random, 300, 2500) }) } : {}),
      });
      guess.home = home;
      return [
        random() < 0.3 ? { ...there, until: pick<StepId>(random, ["submit-operation", "activate"]) } : there,
        ...maybe(random, 0.4, () => [{ do: "post", at: away }]),
        ...maybe(random, 0.4, () => [{ do: "add-key" }]),
        undo(random() < 0.5),
        ...maybe(random, 0.3, () => [{ do: "post", at: away }]),
        undo(true),
        ...maybe(random, 0.4, () => [move(random, guess, away)]),
      ];
    },
  ],
  "a move, and the identity back without decamp": [
    2,
    (random, guess) => {
      const { home } = guess;
      guess.needsKey = true;
      const there: Move = { ...sure(random, guess, other(random, guess)), sign: "code" };
      const away = guess.home;
      guess.home = home;
      return [
        there,
        pick<Action>(random, [{ do: "recover" }, { do: "name", server: home, with: "nothing", sign: "key" }]),
        pick<Action>(random, [
          { do: "undo", account: "did", newPassword: true, operation: random() < 0.5, key: "oldest" },
          { do: "cancel", to: away },
          { ...sure(random, guess, away) },
        ]),
      ];
    },
  ],
  "begun, and cancelled": [
    4,
    (random, guess) => {
      const { home } = guess;
      const begun = { ...move(random, guess, other(random, guess)), ...before(random) };
      const away = guess.home;
      guess.home = home;
      return [begun, ...maybe(random, 0.5, () => noise(random, guess)), cancel(random, home, away)];
    },
  ],
  "frozen, forgotten, and cancelled": [
    2,
    (random, guess) => {
      const { home } = guess;
      const begun: Move = { ...sure(random, guess, other(random, guess)), freeze: true, until: "compare" };
      const away = guess.home;
      guess.home = home;
      return [
        begun,
        ...maybe(random, 0.7, () => [{ do: "lose", what: pick(random, ["journals", "state"] as const) }]),
        { do: "cancel", to: away, ...(random() < 0.5 ? { from: home } : {}) },
      ];
    },
  ],
  "a move that has ended, and cancelled": [
    3,
    (random, guess) => {
      const { home } = guess;
      const there = sure(random, guess, other(random, guess));
      const away = guess.home;
      const on = random() < 0.5 ? [sure(random, guess, random() < 0.6 ? home : other(random, guess))] : [];
      const to = pick(random, [home, away]);
      return [there, ...on, random() < 0.5 ? { do: "cancel", to } : cancel(random, away, to)];
    },
  ],
  "the server that is left is one that was left before": [
    3,
    (random, guess) => {
      const { home } = guess;
      guess.needsKey = true;
      const first = sure(random, guess, other(random, guess));
      const between = guess.home;
      const last = serverNames.find((name) => name !== home && name !== between) ?? home;
      const on = random() < 0.7 ? [sure(random, guess, last)] : [];
      // A server that has the account already asks for no token of the old one.
      const to = on.length > 0 ? home : last;
      const from = on.length > 0 ? between : home;
      const now = guess.home;
      return [
        first,
        ...on,
        { do: "post", at: now },
        {
          ...sure(random, guess, to),
          from,
          ...(random() < 0.5 ? { fromEnv: true } : {}),
          ...(random() < 0.8 ? { sign: "key" } : {}),
        },
      ];
    },
  ],
  "the identity names a server by hand": [
    5,
    (random, guess) => {
      const { home } = guess;
      const there = other(random, guess);
      const what = random() < 0.4 ? "account" : "nothing";
      const named: Action = { do: "name", server: there, with: what, sign: random() < 0.4 ? "key" : "code" };
      const third = serverNames.find((name) => name !== home && name !== there) ?? home;
      guess.home = there;
      return [
        ...maybe(random, what === "account" ? 0.3 : 0, () => [
          { ...sure(random, { ...guess, home }, there), until: "create-account" as const },
        ]),
        named,
        ...maybe(random, what === "account" ? 0.35 : 0, () => [{ do: "activate", at: there }]),
        pick<Action>(random, [
          { ...move(random, { home, earlier: [] }, there), from: home },
          { ...move(random, { home, earlier: [] }, there), from: home },
          { ...sure(random, guess, home), from: there },
          { ...sure(random, guess, third), from: random() < 0.5 ? home : there },
          { do: "cancel", to: there, from: home },
          { do: "undo", account: "did", newPassword: true, operation: true, key: "oldest" },
        ]),
      ];
    },
  ],
  "a server that cannot be asked": [
    3,
    (random, guess) => {
      const { home } = guess;
      const to = other(random, guess);
      const server = pick(random, [home, to, to, ...serverNames]);
      const command = random() < 0.8 ? move(random, guess, to) : cancel(random, guess.home, to);
      return [{ do: "stop", server }, command, { do: "start", server }, ...maybe(random, 0.7, () => [command])];
    },
  ],
  "moved, and the old server is gone": [
    1,
    (random, guess) => {
      const { home } = guess;
      const there = sure(random, guess, other(random, guess));
      return [
        random() < 0.5 ? there : { ...there, until: "activate" },
        { do: "stop", server: home },
        { ...there, from: home },
        { do: "start", server: home },
        { ...there, from: home },
      ];
    },
  ],
  "taken down": [
    3,
    (random, guess) => {
      const { home } = guess;
      const command = move(random, guess, other(random, guess));
      const at = pick(random, [home, home, guess.home]);
      return [{ do: "take-down", at }, command, { do: "lift", at }];
    },
  ],
  "the copy is shown before its time": [
    4,
    (random, guess) => {
      const { home } = guess;
      const whole = sure(random, guess, other(random, guess));
      const at = guess.home;
      return [
        { ...whole, until: "compare" },
        { do: "show-copy", at },
        pick<Action>(random, [whole, { do: "cancel", to: at, from: home }]),
        { do: "deactivate", at },
        whole,
      ];
    },
  ],
  "the copy is deleted by its operator": [
    1,
    (random, guess) => {
      const whole = sure(random, guess, other(random, guess));
      return [
        { ...whole, until: pick<StepId>(random, ["create-account", "compare", "sign-operation"]) },
        { do: "delete-copy", at: guess.home },
        whole,
      ];
    },
  ],
  "deactivated by hand": [
    2,
    (random, guess) => {
      const { home } = guess;
      return [
        { do: "deactivate", at: home },
        pick<Action>(random, [
          { do: "cancel", to: other(random, { ...guess }) },
          move(random, guess, other(random, guess)),
        ]),
      ];
    },
  ],
  "stopped after the switch, and a post at the old server": [
    3,
    (random, guess) => {
      const { home } = guess;
      const whole = { ...sure(random, guess, other(random, guess)), from: home };
      return [
        { ...whole, until: pick<StepId>(random, ["submit-operation", "activate"]) },
        { do: "post", at: home },
        ...maybe(random, 0.4, () => [{ do: "lose", what: pick(random, ["journals", "state"] as const) }]),
        whole,
      ];
    },
  ],
};

const names = Object.keys(scenes);

/** The sequence of a seed. */
export function generate(seed: number): Sequence {
  const random = seededRandom(seed * 7919 + 17);
  const ownKey = random() < 0.6;
  const guess: Guess = { home: "A", earlier: [] };
  const actions: Action[] = [];
  let scene: string | undefined = names[seed % names.length];
  const length = integer(random, 4, 8);
  while (actions.length < length) {
    actions.push(...(scenes[scene ?? drawScene(random)]?.[1](random, guess) ?? []));
    actions.push(...maybe(random, 0.25, () => noise(random, guess)));
    scene = undefined;
  }
  return { seed, ownKey: ownKey || guess.needsKey === true, actions };
}

function drawScene(random: Random): string {
  const total = names.reduce((sum, name) => sum + (scenes[name]?.[0] ?? 0), 0);
  let left = random() * total;
  return names.find((name) => (left -= scenes[name]?.[0] ?? 0) < 0) ?? "a move";
}

/** The usual command, which nothing breaks off. */
function sure(random: Random, guess: Guess, to: ServerName): Move {
  const sign = random() < 0.4 ? "key" : "code";
  const whole: Move = { do: "move", to, ...(random() < 0.5 ? { from: guess.home } : {}), account: "did", sign };
  guess.earlier.push(guess.home);
  guess.home = to;
  return whole;
}

/** The command with anything that may go with it. */
function move(random: Random, guess: Guess, to: ServerName): Move {
  const { home } = guess;
  const before = [...guess.earlier];
  const whole = sure(random, guess, to);
  const chance = random();
  const from = chance < 0.15 ? pick(random, [...before, ...serverNames]) : chance < 0.8 ? home : undefined;
  const { from: _from, ...rest } = whole;
  return {
    ...rest,
    ...(from === undefined ? {} : { from, ...(random() < 0.2 ? { fromEnv: true } : {}) }),
    account:
      from === undefined || random() < 0.6
        ? "did"
        : random() < 0.6
          ? "handle"
          : `handle at ${pick(random, serverNames)}`,
    ...(random() < 0.15 ? { freeze: true } : {}),
    ...(random() < 0.1 ? { bringLateWrites: true } : {}),
    ...(random() < 0.25 ? brokenOff(random) : {}),
    ...(whole.sign === "code" ? maybeMeanwhile(random) : {}),
  };
}

function cancel(random: Random, from: ServerName, to: ServerName): Action {
  const named = (right: ServerName): ServerName | undefined => {
    const chance = random();
    return chance < 0.5 ? right : chance < 0.75 ? undefined : pick(random, serverNames);
  };
  const [source, target] = [named(from), named(to)];
  return {
    do: "cancel",
    ...(source === undefined ? {} : { from: source }),
    ...(target === undefined ? {} : { to: target }),
  };
}

function brokenOff(random: Random): Pick<Move, "until" | "interrupt"> {
  if (random() < 0.4) {
    return { until: pick(random, usualSteps) };
  }
  const at =
    random() < 0.3
      ? { ms: integer(random, 300, 3000) }
      : { step: pick(random, usualSteps), when: pick(random, ["start", "done"] as const) };
  return { interrupt: interruptedAt(random, at) };
}

/** The point of no return is not passed. */
function before(random: Random): Pick<Move, "until"> {
  return { until: pick(random, usualSteps.slice(0, usualSteps.indexOf("submit-operation"))) };
}

/** Those that nobody has to ask for, of a did:plc. */
const usualSteps = stepIds.filter(
  (step) => !["freeze", "recovery-key", "publish-document", "first-write"].includes(step),
);

function interruptedAt(random: Random, at: Interruption["at"]): Interruption {
  return { at, signal: random() < 0.7 ? "SIGKILL" : "SIGINT" };
}

function maybeMeanwhile(random: Random): Pick<Move, "postMeanwhile"> {
  return random() < 0.2 ? { postMeanwhile: true } : {};
}

function other(random: Random, { home }: Guess): ServerName {
  return pick(
    random,
    serverNames.filter((name) => name !== home),
  );
}

function maybe(random: Random, chance: number, make: () => Action[]): Action[] {
  return random() < chance ? make() : [];
}
