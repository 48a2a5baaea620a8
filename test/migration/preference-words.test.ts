/** What preferences are called to people, and what is said of a change: each kind once. */
import { expect, test } from "vitest";
import { whatChanges } from "../../src/cli/account/preferences-command.ts";
import { inWords, kindsOfPreferences } from "../../src/migration/checks/preferences.ts";

const pref = (name: string): object => ({ $type: `app.bsky.actor.defs#${name}` });

test("kinds are called as people call them, and what nobody knows stays as it is", () => {
  const kinds = kindsOfPreferences([pref("savedFeedsPref"), pref("savedFeedsPrefV2"), pref("toString"), {}]);
  expect(kinds).toEqual(["savedFeedsPref", "savedFeedsPrefV2", "toString", "one without a name"]);
  expect(inWords(kinds)).toEqual(["saved feeds", "toString", "one without a name"]);
});

test("what is replaced, removed and added is said once", () => {
  const comes = ["adultContentPref", "mutedWordsPref", "threadViewPref"];
  expect(whatChanges({ comes, goes: ["mutedWordsPref", "interestsPref"] })).toEqual([
    "Replaced by those of the archive: muted words.",
    "Removed: interests.",
    "Added: adult content, how threads are shown.",
  ]);
  expect(whatChanges({ comes: [], goes: ["interestsPref"] })).toEqual(["Removed: interests."]);
});
