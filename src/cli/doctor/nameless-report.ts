/**
 * A report for whoever is asked for help: what the doctor saw, without names. The same name has the same number
 * everywhere in it, so that what belongs together is still seen.
 */
import { shortKey, type HealthCheck } from "../../migration/doctor/health.ts";
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
  ["KEY", /did:key:z[1-9A-HJ-NP-Za-km-z]+(?:…[1-9A-HJ-NP-Za-km-z]+)?/g],
  ["ACCOUNT", /did:(?:plc|web):[\w.:%-]*\w/g],
  ["CID", /\bba[a-z2-7]{57}\b/g],
  ["REVISION", /\b3[a-z2-7]{12}\b/g],
  ["EMAIL", /[\w.+-]+@[\w.-]+\w/g],
  [
    "HOST",
    /(?:\[[0-9a-f]*:[0-9a-f:.]*\]|\blocalhost|\b\d{1,3}(?:\.\d{1,3}){3}|(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]+)(?::\d{2,5})?\b/gi,
  ],
];

/** What a server said in its own words, to the end of a message: nobody knows what stands in it. */
const speeches: readonly RegExp[] = [
  /(?<=\banswered \d{3}(?: [A-Za-z]{1,40})? to [\w.]+)(?:: .*)$/s,
  /(?<=\banswered \d{3}) (?![A-Za-z]{0,40} ?to [\w.]+).*$/s,
  /(?<=\b(?:shows no profile of the account|sign in to this account(?: yet)?|refuses the sign-in)): .*$/s,
];

/** A message without what a server said in its own words. */
export function withoutSpeech(message: string): string {
  return speeches.reduce((clean, pattern) => clean.replace(pattern, ": (its own words are left out)"), message);
}

/** A text without names, and with times to the minute: to the millisecond they lead to the account. */
export function withoutNames(text: string): string {
  const rounded = text.replaceAll(/(\d{4}-\d\d-\d\dT\d\d:\d\d):\d\d(?:\.\d+)?Z/g, "$1Z");
  return names.reduce((clean, [word, pattern]) => {
    const numbers = new Map<string, number>();
    return clean.replaceAll(pattern, (name) => {
      if (everybodys.has(name) || /\.md$/i.test(name)) {
        return name;
      }
      // A key may stand in a sentence shortened.
      const whole = word === "KEY" ? shortKey(name) : name;
      const number = numbers.get(whole) ?? numbers.size + 1;
      numbers.set(whole, number);
      return `${word}-${number}`;
    });
  }, rounded);
}

/**
 * Writes what was found into a new file.
 *
 * @throws DecampError `usage` where there is one; `storage`
 */
export async function writeReport(path: string, found: { readonly checks: readonly HealthCheck[] }): Promise<void> {
  const { version } = packageFacts;
  const checks = found.checks.map((check) => ({ ...check, message: withoutSpeech(check.message) }));
  const report = { decamp: version, node: process.versions.node, system: ownSystem, ...found, checks };
  await writeNew(path, `${withoutNames(JSON.stringify(report, undefined, 2))}\n`);
}
