/** Moves to servers of other makes, as their fronts have it: interrupted and gone on with, proved, and taken back. */
import { expect, inject, test, vi } from "vitest";
import { connectNetwork } from "../network/control.ts";
import {
  cancelIt,
  hideAgain,
  moveHome,
  moveInLate,
  moveInResumed,
  moveInUnconfirmed,
  moveOut,
  moveOutFrozen,
  proveLost,
  refuseIt,
  statusOf,
  stumble,
  takeBack,
} from "../network/habits/cells.ts";
import type { Habit } from "../network/habits/index.ts";

vi.setConfig({ maxConcurrency: 3, testTimeout: 300_000 });
const network = connectNetwork(inject("network"));
const makes: readonly Habit[] = ["rsky", "cocoon", "ezpds", "cirrus", "tranquil", "minimal"];

test.concurrent.each(makes)("a move to %s, in several runs, brings everything", async (make) => {
  expect(await moveInResumed(network, make)).toEqual([]);
});

test.concurrent("what is written meanwhile comes along to a server that calls a copy active at once", async () => {
  expect(await moveInLate(network, "cocoon")).toEqual([]);
});

// The two that are not asked like the others: active at once, and without a way to delete.
test.concurrent.each<Habit>(["cocoon", "cirrus"])("a move to %s can be taken back", async (make) => {
  expect(await cancelIt(network, make)).toEqual([]);
});

test.concurrent("what a server says of an account that it does not have is understood", async () => {
  expect(await statusOf(network, "ezpds")).toEqual([]);
});

// It shows no blob of a deactivated account.
test.concurrent("an account that could not be read frozen is active again, after a kill, too", async () => {
  expect(await moveOutFrozen(network, "cocoon")).toEqual([]);
});

test.concurrent(
  "a sign-in at the new server is seen to work before the identity changes; who has to be confirmed is waited for",
  async () => {
    expect(await moveInUnconfirmed(network, "ezpds")).toEqual([]);
  },
);

test.concurrent(
  "who went away comes back by the entryway: to the host that the log names, under the old name",
  async () => {
    expect(await moveHome(network, "entryway")).toEqual([]);
  },
);

test.concurrent("a move out of a server that has only what it must have", async () => {
  expect(await moveOut(network, "minimal")).toEqual([]);
});

test.concurrent(
  "a server that shows something else once the account is active there: the old one stays, and the way back works",
  async () => {
    expect(await takeBack(network, "tranquil")).toEqual([]);
  },
);

test.concurrent(
  "after the switch both sides are told of: one that does not activate, one that does not say what it has",
  async () => {
    expect(await stumble(network, "tranquil")).toEqual([]);
  },
);

test.concurrent("a server that has shown the copy may not hide it in the next run, whatever is agreed to", async () => {
  expect(await hideAgain(network, "ezpds")).toEqual([]);
});

test.concurrent("what nobody remembers to have proved is read back before the old account is deactivated", async () => {
  expect(await proveLost(network, "tranquil")).toEqual([]);
});

test.concurrent("what is not agreed to, or has no way back, is refused before the identity changes", async () => {
  expect(await refuseIt(network, "tranquil")).toEqual([]);
});

test.concurrent("a move out of a server that signs nothing without its own keys", async () => {
  expect(await moveOut(network, "tranquil")).toEqual([]);
});
