/**
 * What has to hold after every command, whatever happened before:
 *
 * - posts: every post lies on a server that still has the account.
 * - home: a move, or an undo, that says that it is done leaves nothing behind that was at home, or names it.
 * - dark: no command that ends well leaves the account invisible. What was asked for step by step may, and says so.
 * - keys: no key of the user's leaves the identity or loses rank.
 * - nothing deleted: where the account has lived it stays, and no server but the target has less than before.
 * - resume: what is to go on when it is run again is not refused then.
 * - clean end: no bug, no hang.
 *
 * All of it is judged by the world, not by what decamp says.
 */
import { serverNames, type Action, type ServerName } from "./actions.ts";
import { isDark, postsAt, type Model, type Post } from "./model.ts";
import type { World } from "./world.ts";

export type Invariant = "posts" | "home" | "dark" | "dark, unsaid" | "keys" | "deleted" | "resume" | "end" | "status";

export interface Violation {
  invariant: Invariant;
  what: string;
}

/** What is told wrongly leaves the account as it was: the sequence goes on. */
export function isGrave({ invariant }: Violation): boolean {
  return invariant !== "dark, unsaid" && invariant !== "resume" && invariant !== "status";
}

/** A run of decamp that has ended. */
export interface Command {
  action: Action | { do: "status" };
  code: number | null;
  /** whether it was still at work after the deadline */
  hung: boolean;
  stdout: string;
  stderr: string;
  /** the servers that it could take for the old and the new one */
  source: ServerName | undefined;
  target: ServerName | undefined;
  /** a key of the user's that it adds */
  newKey?: string | undefined;
}

/** What a command says that it has done: nothing, unless it ended with 0. */
export function claimOf({ action, code, stdout }: Command): "moved" | "undone" | "cancelled" | "nothing" {
  if (code !== 0) {
    return "nothing";
  }
  switch (action.do) {
    case "move":
      return resultOf(stdout)?.["state"] === "moved" ? "moved" : "nothing";
    case "undo":
      return "undone";
    case "cancel":
      return "cancelled";
    default:
      return "nothing";
  }
}

/** The lines of JSON. */
function linesOf(stdout: string): Record<string, unknown>[] {
  return stdout.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
}

/** The last line of a run that has one. */
export function resultOf(stdout: string): Record<string, unknown> | undefined {
  return linesOf(stdout).findLast(({ type }) => type === "result");
}

/** What a person would be told: everything but the plan and the steps, whose titles stand in every run. */
function remarksOf({ stdout, stderr }: Command): string {
  const lines = linesOf(stdout).filter(({ type }) => type !== "plan" && type !== "step" && type !== "progress");
  return [...lines.map((line) => JSON.stringify(line)), stderr].join("\n");
}

/** Posts that lie nowhere any more. */
export function lostPosts(model: Model, world: World): Post[] {
  const found = new Set(serverNames.flatMap((name) => [...world.places[name].records.keys()]));
  return [...model.posts.values()].filter(({ path }) => !found.has(path));
}

/** Everything that does not hold after `command`. */
export function judge(command: Command, before: World, after: World, model: Model): Violation[] {
  return [
    ...judgePosts(model, after),
    ...judgeHome(command, before, after, model),
    ...judgeDark(command, before, after, model),
    ...judgeKeys(command, before, after, model),
    ...judgeDeleted(command, before, after),
    ...judgeResume(command, model),
    ...judgeEnd(command),
    ...(command.action.do === "status" ? judgeUnchanged(before, after) : []),
  ];
}

function judgePosts(model: Model, after: World): Violation[] {
  const lost = lostPosts(model, after);
  return lost.length === 0
    ? []
    : [{ invariant: "posts", what: `no server has ${namesOf(lost)} of ${model.posts.size} posts` }];
}

function judgeHome(command: Command, before: World, after: World, model: Model): Violation[] {
  const claim = claimOf(command);
  if (claim !== "moved" && claim !== "undone") {
    return [];
  }
  if (after.home === undefined) {
    return [{ invariant: "home", what: "the identity names none of the servers" }];
  }
  const owed = new Map<string, Post>();
  for (const server of owingServers(command, before, model)) {
    // What was written meanwhile, at a server that the command has looked at, is owed as well.
    for (const post of [...postsAt(model, before, server), ...postsAt(model, after, server)]) {
      owed.set(post.path, post);
    }
  }
  const there = after.places[after.home];
  const said = remarksOf(command);
  // An undo leaves behind what was written on the new server, and says that it does.
  const isSaid = ({ path, at }: Post): boolean =>
    said.includes(path.split("/").at(-1) ?? path) ||
    (claim === "undone" && at === before.home && /"code":"(written-since|not-compared)"/.test(said));
  const behind = [...owed.values()].filter((post) => !there.records.has(post.path) && !isSaid(post));
  const withoutPicture = [...owed.values()].filter(
    ({ path, blob }) => there.records.has(path) && blob !== undefined && !there.blobs.has(blob),
  );
  return [
    ...(behind.length === 0
      ? []
      : [
          {
            invariant: "home" as const,
            what: `it is ${claim}, and ${after.home} lacks ${namesOf(behind)} of the ${owed.size} posts that were at home; nothing says so`,
          },
        ]),
    ...(withoutPicture.length === 0
      ? []
      : [{ invariant: "home" as const, what: `${after.home} lacks the picture of ${namesOf(withoutPicture)}` }]),
  ];
}

/**
 * Whose posts have to be at home after a move: those of the home before it, and of the one that holds the whole
 * account.
 */
function owingServers({ source, target }: Command, before: World, model: Model): Set<ServerName> {
  const { home } = before;
  const owing = new Set<ServerName>(home === undefined ? [] : [home]);
  const wasEmpty = home === undefined || postsAt(model, before, home).length === 0;
  if (wasEmpty || [source, target].includes(model.dataHome)) {
    owing.add(model.dataHome);
  }
  return owing;
}

/** Commands that only change the identity, as somebody else's tool would, do not say that the account can be seen. */
const answersForSight = new Set(["move", "undo", "cancel"]);

function judgeDark(command: Command, before: World, after: World, { darkBy }: Model): Violation[] {
  const { action, code, source } = command;
  const { home } = after;
  if (code !== 0 || !isDark(after) || !answersForSight.has(action.do)) {
    return [];
  }
  // Nobody but the operator can lift that.
  if (home !== undefined && after.places[home].state === "taken-down") {
    return [];
  }
  const what = `the command ends well, and ${home ?? "no server"} has the account ${home === undefined ? "" : after.places[home].state}`;
  if (claimOf(command) === "nothing") {
    // It was asked to stop where it did.
    const isSaid = /not active|nobody can see|dark|deactivated|names your new server already|already names/i;
    return isDark(before) || isSaid.test(remarksOf(command)) ? [] : [{ invariant: "dark, unsaid", what }];
  }
  const wasElse = isDark(before) && darkBy === "hand" && home !== source;
  return action.do === "cancel" && wasElse ? [] : [{ invariant: "dark", what }];
}

function judgeKeys(command: Command, before: World, after: World, model: Model): Violation[] {
  const userKeys = new Set(model.userKeys).add(command.newKey ?? "");
  const [old, now] = [before.rotationKeys, after.rotationKeys];
  const said = remarksOf(command);
  return old.flatMap((key, rank) => {
    if (!userKeys.has(key)) {
      return [];
    }
    if (!now.includes(key)) {
      // `plc recover` takes back whatever was named to it, and says what that is.
      return command.action.do === "recover" && said.includes(key)
        ? []
        : [{ invariant: "keys" as const, what: `the user's key ${key} has left the identity` }];
    }
    const foreignAbove = (keys: readonly string[]): number =>
      keys.slice(0, keys.indexOf(key)).filter((other) => !userKeys.has(other)).length;
    const overtaken = old
      .slice(rank + 1)
      .filter((other) => now.includes(other) && now.indexOf(other) < now.indexOf(key));
    return overtaken.some((other) => !userKeys.has(other)) || foreignAbove(now) > foreignAbove(old)
      ? [{ invariant: "keys" as const, what: `the user's key ${key} has lost rank` }]
      : [];
  });
}

function judgeDeleted({ target }: Command, before: World, after: World): Violation[] {
  return serverNames.flatMap((name) => {
    const [old, now] = [before.places[name], after.places[name]];
    if (before.lived.has(name) && old.state !== "absent" && now.state === "absent") {
      return [{ invariant: "deleted" as const, what: `the account at ${name}, where it has lived, is deleted` }];
    }
    return name !== target && now.records.size < old.records.size
      ? [
          {
            invariant: "deleted" as const,
            what: `${name} had ${old.records.size} records, and has ${now.records.size}`,
          },
        ]
      : [];
  });
}

function judgeResume({ action, code }: Command, { undoPending }: Model): Violation[] {
  return undoPending && action.do === "undo" && code === 9
    ? [{ invariant: "resume", what: "an undo has said that it goes on when it is run again, and is refused" }]
    : [];
}

function judgeEnd({ action, code, hung, stderr, stdout }: Command): Violation[] {
  const bug = code === 1 || /This is a bug|^\s+at .+:\d+:\d+\)?$/m.test(stderr + stdout);
  return [
    ...(hung ? [{ invariant: "end" as const, what: `${action.do} did not end` }] : []),
    ...(bug ? [{ invariant: "end" as const, what: `${action.do} ended as a bug` }] : []),
  ];
}

/** `migrate status` changes nothing. */
function judgeUnchanged(before: World, after: World): Violation[] {
  return isSameWorld(before, after) ? [] : [{ invariant: "status", what: "status changed something" }];
}

/** Whether the log has no more in it, and every server has what it had. */
export function isSameWorld(before: World, after: World): boolean {
  return (
    before.log.length === after.log.length &&
    serverNames.every(
      (name) =>
        before.places[name].state === after.places[name].state &&
        before.places[name].records.size === after.places[name].records.size,
    )
  );
}

function namesOf(posts: readonly Post[]): string {
  return posts.length > 3 ? `${posts.length}` : posts.map(({ path }) => path).join(", ");
}
