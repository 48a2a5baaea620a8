/**
 * A report for whoever is asked for help: what the doctor saw, without names. The same name has the same number
 * everywhere in it, so that what belongs together is still seen.
 */
import { packageFacts } from "../../services/package.ts";
import { defaultPlcUrl, publicAppView, publicRelay } from "../../services/defaults.ts";
import { writeNew } from "../../services/disk/files.ts";
import { ownSystem } from "../../services/system-rules.ts";

/** Names of services that everybody uses: they say nothing of anybody. */
const everybodys: ReadonlySet<string> = new Set(
  [defaultPlcUrl, publicAppView, publicRelay].map((url) => new URL(url).hostname),
);

/** What stands for somebody, and the word that takes its place. */
const names: readonly (readonly [word: string, pattern: RegExp])[] = [
  ["KEY", /did:key:z[1-9A-HJ-NP-Za-km-z]+/g],
  ["ACCOUNT", /did:(?:plc|web):[\w.:%-]*\w/g],
  ["CID", /\bba[a-z2-7]{57}\b/g],
  ["HOST", /\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]+)(?::\d{2,5})?\b/gi],
];

/** A text without names. */
export function withoutNames(text: string): string {
  return names.reduce((clean, [word, pattern]) => {
    const numbers = new Map<string, number>();
    return clean.replaceAll(pattern, (name) => {
      if (everybodys.has(name) || /\.md$/i.test(name)) {
        return name;
      }
      const number = numbers.get(name) ?? numbers.size + 1;
      numbers.set(name, number);
      return `${word}-${number}`;
    });
  }, text);
}

/**
 * Writes what was found into a new file.
 *
 * @throws DecampError `usage` where there is one; `storage`
 */
export async function writeReport(path: string, found: object): Promise<void> {
  const { version } = packageFacts;
  const report = { decamp: version, node: process.versions.node, system: ownSystem, ...found };
  await writeNew(path, `${withoutNames(JSON.stringify(report, undefined, 2))}\n`);
}
