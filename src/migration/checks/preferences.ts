/** Preferences of an account, compared: servers write times anew, add what is not said, and keep no order. */

import { isJsonObject } from "../../data/json-object.ts";
import { shortened } from "../../data/shortened.ts";

/** Computed by the server and never stored, so it can differ. */
const computed = "app.bsky.actor.defs#declaredAgePref";
/** A time as the protocol writes them (spec: Lexicon, "datetime"), and no more exact than a number of it is here. */
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3}0*)?(?:Z|[+-]\d\d:\d\d)$/;

/** Those that a server stores. */
export function storedPreferences(preferences: readonly unknown[]): unknown[] {
  return preferences.filter((one) => !isJsonObject(one) || one["$type"] !== computed);
}

/** Those that are not among `there`, in whatever order. */
export function lackingPreferences(list: readonly unknown[], there: readonly unknown[]): unknown[] {
  const left = [...there];
  return list.filter((one) => {
    const at = left.findIndex((other) => holds(other, one));
    if (at !== -1) {
      left.splice(at, 1);
    }
    return at === -1;
  });
}

/** Their kinds, each once: what comes behind the `#` of the type is the field's own name for it. */
export function kindsOfPreferences(preferences: readonly unknown[]): string[] {
  return [...new Set(preferences.map(kindOf))];
}

/** What people call them, by the names of the field. */
const words: Readonly<Partial<Record<string, string>>> = {
  adultContentPref: "adult content",
  contentLabelPref: "which content is hidden",
  savedFeedsPref: "saved feeds",
  savedFeedsPrefV2: "saved feeds",
  personalDetailsPref: "the date of birth",
  feedViewPref: "what feeds show",
  threadViewPref: "how threads are shown",
  interestsPref: "interests",
  mutedWordsPref: "muted words",
  hiddenPostsPref: "hidden posts",
  bskyAppStatePref: "tips that the app has shown",
  labelersPref: "who labels content",
  postInteractionSettingsPref: "who may reply to posts",
  verificationPrefs: "signs of verification",
  liveEventPreferences: "live events",
};

/** Kinds in words, each once; one that has none stays as it is. */
export function inWords(kinds: readonly string[]): string[] {
  return [...new Set(kinds.map((kind) => (Object.hasOwn(words, kind) ? words[kind] : undefined) ?? kind))];
}

function kindOf(preference: unknown): string {
  const type = isJsonObject(preference) ? preference["$type"] : undefined;
  const name = typeof type === "string" ? (type.split("#").at(-1) ?? "") : "";
  // Whatever an app has written: what is no name is quoted as it is, on one line.
  return /^[\w.-]+$/.test(name)
    ? shortened(name)
    : name === ""
      ? "one without a name"
      : JSON.stringify(shortened(name));
}

/** Whether all of `ours` is in it. Servers write times anew, and add what the protocol has where nothing is said. */
function holds(theirs: unknown, ours: unknown): boolean {
  if (Array.isArray(ours)) {
    return (
      Array.isArray(theirs) && theirs.length === ours.length && ours.every((one, index) => holds(theirs[index], one))
    );
  }
  if (isJsonObject(ours)) {
    return isJsonObject(theirs) && Object.entries(ours).every(([name, one]) => holds(theirs[name], one));
  }
  return theirs === ours || (isTime(theirs) && isTime(ours) && Date.parse(theirs) === Date.parse(ours));
}

function isTime(value: unknown): value is string {
  return typeof value === "string" && time.test(value);
}
