/** What somebody may have meant who typed a word that is no command there, or no topic of the help. */

/** Words of other tools, and of daily life → what they are called here. */
const otherWords: Readonly<Record<string, readonly string[]>> = {
  abort: ["migrate cancel", "restore cancel"],
  backup: ["export"],
  check: ["verify", "doctor"],
  continue: ["migrate"],
  diagnose: ["doctor"],
  disable: ["account deactivate"],
  download: ["export"],
  extract: ["repo unpack"],
  identity: ["plc history", "doctor"],
  import: ["restore", "key import"],
  info: ["doctor", "migrate status"],
  keygen: ["key generate"],
  keys: ["key"],
  list: ["archive ls", "repo ls"],
  log: ["plc history", "plc audit"],
  man: ["help"],
  move: ["migrate"],
  prove: ["verify"],
  reactivate: ["account activate"],
  rename: ["account handle"],
  resume: ["migrate"],
  revert: ["plc undo", "migrate cancel"],
  rollback: ["plc undo", "migrate cancel"],
  rotate: ["plc add-key"],
  save: ["export"],
  snapshots: ["archive ls"],
  transfer: ["migrate"],
  unpack: ["repo unpack"],
  validate: ["verify"],
};

/** Words for which there is nothing, and why. */
const explained: Readonly<Record<string, string>> = Object.fromEntries([
  ["version", "Did you mean decamp --version?"],
  ...["login", "logout", "signin", "sign-in", "auth"].map((word) => [
    word,
    "Nobody is signed in for longer than a command runs: one that needs your password asks for it.",
  ]),
]);

/**
 * A sentence that says what may have been meant.
 *
 * @param word what was typed
 * @param group the command that it stands behind, such as `plc`; empty for decamp itself
 * @param names all commands, such as `plc add-key`
 * @returns undefined if nothing is known
 */
export function suggestion(word: string, group: string, names: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const why = own(explained, lower);
  if (why !== undefined) {
    return why;
  }
  const inGroup = names.filter((name) => group !== "" && name.startsWith(`${group} `));
  const partly = inGroup.filter((name) => wordsOf(name.slice(group.length)).includes(lower));
  const elsewhere = names.filter((name) => name === lower || name.split(" ").at(-1) === lower);
  const meant = new Set([...partly, ...elsewhere, ...(elsewhere.length > 0 ? [] : (own(otherWords, lower) ?? []))]);
  return meant.size === 0 ? accountOrFile(word, group) : didYouMean([...meant].map((name) => `decamp ${name}`));
}

/** The sentence about the one of `names` that is nearest to what was typed; undefined if none is near. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const best = nearestOf(typed, names);
  return best === undefined ? undefined : didYouMean([`decamp help ${best}`]);
}

/** The same about the command below `group` that is nearest to what was typed as an argument of the group. */
export function nearestBelow(typed: string, group: string, names: readonly string[]): string | undefined {
  const best = nearestOf(typed, names);
  return best === undefined ? undefined : didYouMean([`decamp ${group} ${best}`]);
}

/** The one of `names` that is nearest to what was typed; undefined if none is near. */
export function nearestOf(typed: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, distance: distance(typed.toLowerCase(), name) }))
    .filter(({ name, distance: far }) => far <= Math.min(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return best?.name;
}

/** `archive ls` has the words archive and ls, `add-key` has add and key. */
function wordsOf(name: string): string[] {
  return name.split(/[ -]/);
}

function accountOrFile(word: string, group: string): string | undefined {
  if (group !== "") {
    return undefined;
  }
  if (/\.car$/i.test(word)) {
    return didYouMean([`decamp verify ${word}`]);
  }
  return /^@?[a-z0-9-]+(?:\.[a-z0-9-]+)+$|^did:[a-z]+:\S+$/i.test(word)
    ? didYouMean([`decamp doctor ${word}`, `decamp export ${word}`, `decamp migrate ${word} --to URL`])
    : undefined;
}

function didYouMean(commands: readonly string[]): string {
  const last = commands.at(-1) ?? "";
  return `Did you mean ${commands.length > 1 ? `${commands.slice(0, -1).join(", ")} or ` : ""}${last}?`;
}

function own<Value>(table: Readonly<Record<string, Value>>, word: string): Value | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}

/** How many letters have to be put in, taken out or changed to get from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(from).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(to).entries()) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
