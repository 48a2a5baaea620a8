/** The judge of the sequences: worlds that are made up, each with one thing wrong in it, or nothing. */
import { describe, expect, test } from "vitest";
import { serverNames, type Action, type ServerName } from "./sequences/actions.ts";
import { shorten } from "./sequences/campaign.ts";
import { generate } from "./sequences/generate.ts";
import { judge, type Command } from "./sequences/invariants.ts";
import type { Model } from "./sequences/model.ts";
import { statesThatFit } from "./sequences/states.ts";
import type { Place, World } from "./sequences/world.ts";

const [user, serverKey, foreign] = ["did:key:user", "did:key:server", "did:key:foreign"];

/** `posts` are the record keys. */
function place(state: Place["state"], posts = ""): Place {
  const paths = posts === "" ? [] : posts.split(" ").map(pathOf);
  return { state, records: new Map(paths.map((path) => [path, "cid"])), blobs: new Set() };
}

function pathOf(rkey: string): string {
  return `app.bsky.feed.post/${rkey}`;
}

function world(home: ServerName, places: Partial<Record<ServerName, Place>>, livedBefore: ServerName[] = []): World {
  const absent = place("absent");
  return {
    log: [],
    home,
    lived: new Set([...livedBefore, home]),
    rotationKeys: [user, serverKey],
    places: { A: absent, B: absent, C: absent, ...places },
  };
}

function model(posts: string): Model {
  return {
    posts: new Map(posts.split(" ").map((rkey) => [pathOf(rkey), { path: pathOf(rkey), at: "A" }])),
    userKeys: new Set([user]),
    dataHome: "A",
    darkBy: undefined,
    undoPending: false,
    pair: { from: "A", to: "B" },
  };
}

function command(action: Action["do"], code: number, result: object = {}): Command {
  return {
    action: { do: action } as Action,
    code,
    hung: false,
    stdout: `${JSON.stringify({ type: "result", ...result })}\n`,
    stderr: "",
    source: "A",
    target: "B",
  };
}

const moved = command("move", 0, { state: "moved" });
const atA = world("A", { A: place("active", "1 2") });
const atB = world("B", { A: place("deactivated", "1 2"), B: place("active", "1 2") }, ["A"]);

describe("a command", () => {
  test.each<[string, string[], Command, World, World, Model]>([
    ["a move as it should be", [], moved, atA, atB, model("1 2")],
    [
      "a post that lies nowhere",
      ["posts"],
      moved,
      world("A", { A: place("active", "1 2 3") }),
      world("B", { A: place("deactivated", "1 2 3"), B: place("active", "1 2 3") }, ["A"]),
      model("1 2 4"),
    ],
    [
      "a post that stays behind",
      ["home"],
      moved,
      world("A", { A: place("active", "1 2 3") }),
      world("B", { A: place("deactivated", "1 2 3"), B: place("active", "1 2") }, ["A"]),
      model("1 2 3"),
    ],
    [
      "a post that stays behind and is named",
      [],
      command("move", 8, { state: "moved", lateWrites: [pathOf("3")] }),
      world("A", { A: place("active", "1 2 3") }),
      world("B", { A: place("deactivated", "1 2 3"), B: place("active", "1 2") }, ["A"]),
      model("1 2 3"),
    ],
    [
      "an empty account, which the identity named before",
      ["home"],
      moved,
      world("B", { A: place("active", "1 2"), B: place("deactivated") }, ["A"]),
      world("B", { A: place("deactivated", "1 2"), B: place("active") }, ["A"]),
      model("1 2"),
    ],
    [
      "dark at the end",
      ["dark"],
      command("cancel", 0),
      atA,
      world("A", { A: place("deactivated", "1 2") }),
      model("1 2"),
    ],
    [
      "dark as it was asked for, and nothing about it",
      ["dark, unsaid"],
      command("move", 0, { state: "stopped" }),
      atA,
      world("B", { A: place("active", "1 2"), B: place("deactivated", "1 2") }, ["A"]),
      model("1 2"),
    ],
    [
      "dark, and the command has failed",
      [],
      command("move", 5),
      atA,
      world("A", { A: place("deactivated", "1 2") }),
      model("1 2"),
    ],
    ["a key that leaves", ["keys"], moved, atA, { ...atB, rotationKeys: [foreign] }, model("1 2")],
    ["a key that loses rank", ["keys"], moved, atA, { ...atB, rotationKeys: [foreign, user] }, model("1 2")],
    [
      "an account that is deleted where it has lived",
      ["deleted"],
      command("cancel", 0),
      world("A", { A: place("active", "1 2"), B: place("deactivated", "1 2") }, ["B"]),
      world("A", { A: place("active", "1 2") }, ["B"]),
      model("1 2"),
    ],
    [
      "a copy that is deleted",
      [],
      command("cancel", 0),
      world("A", { A: place("active", "1 2"), B: place("deactivated", "1 2") }),
      atA,
      model("1 2"),
    ],
    ["an undo that went on", [], command("undo", 0), atA, atA, { ...model("1 2"), undoPending: true }],
    ["an undo that was to go on", ["resume"], command("undo", 9), atA, atA, { ...model("1 2"), undoPending: true }],
    ["a bug", ["end"], command("move", 1), atA, atA, model("1 2")],
    ["a run that does not end", ["end"], { ...command("move", 9), hung: true }, atA, atA, model("1 2")],
  ])("%s", (_, expected, ended, before, after, known) => {
    expect(judge(ended, before, after, known).map(({ invariant }) => invariant)).toEqual(expected);
  });
});

test("a state for every world, and the same sequence for the same seed", () => {
  const all = new Set(serverNames);
  expect(statesThatFit(atA, all, "A", "B")).toEqual(["not-begun"]);
  expect(statesThatFit(atB, all, "A", "B")).toEqual(["moved"]);
  expect(statesThatFit(atB, all, "B", "A")).toEqual(["returned"]);
  expect(statesThatFit(atB, all, "A", "C")).toEqual(["elsewhere"]);
  expect(statesThatFit(atB, new Set(["B"]), "A", "B")).toEqual(["source-unknown"]);
  expect(generate(7)).toEqual(generate(7));
  expect(generate(7)).not.toEqual(generate(8));
});

test("a sequence is made as short as it gets", async () => {
  const sequence = generate(2);
  const needed = sequence.actions.slice(1, 3);
  const shortest = await shorten(sequence, async ({ actions }) =>
    Promise.resolve(needed.every((action) => actions.includes(action))),
  );
  expect(shortest.actions).toEqual(needed);
});
