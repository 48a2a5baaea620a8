/** What the configuration file does not take, and why: the sentence, and where it belongs. */
import { nearestOf } from "../help/suggest.ts";
import { settingKeys } from "./setting-keys.ts";

/** Why a key is refused, and what to do. */
export interface Refusal {
  readonly why: string;
  readonly hint: string;
}

interface Rule {
  readonly of: RegExp;
  readonly why: string;
  /** @param flag what was meant, with its dashes */
  readonly hint: (flag: string) => string;
}

const answers = [
  ["yes", "confirm-did", "allow-missing-blobs", "accept-key", "accept-future-rev", "home-is-lost", "replace-copy"],
  ["skip-blob", "without-log", "prove-after-activation"],
].flat();

/** The first one that fits. */
export const rules: readonly Rule[] = [
  {
    of: /-command$/,
    why: "no file decides which commands are run",
    hint: (flag) => `Type ${flag} when it is wanted.`,
  },
  {
    of: /password|passphrase|passwd|secret|token|private-key|auth-factor|rotation-key$|rotation-key-file$|signing-key$/,
    why: "secrets do not stand here, nor where they are read from: each run says which it uses",
    hint: () =>
      "Give it with its flag that ends in -file or -command, in the environment, or when you are asked: decamp help environment.",
  },
  {
    of: /^(?:allow-private-hosts|plc-url|relay|app-view)$/,
    why: "it decides whom decamp talks to and believes, so it is said with each run",
    hint: (flag) =>
      flag === "--plc-url"
        ? "Type --plc-url, or set ATP_PLC_HOST in the environment."
        : `Type ${flag} when it is wanted.`,
  },
  {
    of: new RegExp(`^(?:${answers.join("|")})$`),
    why: "it agrees to something in one run, which nobody would see in a file",
    hint: (flag) => `Type ${flag} in the run that it is meant for.`,
  },
  {
    of: /^limits?$/,
    why: "a limit is raised for data that you trust, in one run",
    hint: () => "Type --limit NAME=NUMBER in that run.",
  },
];

/**
 * What is said of a key that is no setting.
 *
 * @param flags all flags of decamp, with their dashes
 */
export function refusalOf(key: string, flags: ReadonlySet<string>): Refusal {
  const name = key.toLowerCase().replaceAll("_", "-").replace(/^--/, "");
  const rule = rules.find(({ of }) => of.test(name));
  if (rule !== undefined) {
    return { why: rule.why, hint: rule.hint(`--${name}`) };
  }
  if (name.startsWith("no-") && settingKeys.some((one) => one.name === name.slice(3))) {
    return { why: "there is no such setting", hint: `Did you mean ${name.slice(3)} = false?` };
  }
  const plain = settingKeys.find((one) => one.name.replaceAll("-", "") === name.replaceAll("-", ""));
  const near =
    plain?.name ??
    nearestOf(
      name,
      settingKeys.map((one) => one.name),
    );
  if (near !== undefined) {
    return { why: "there is no such setting", hint: `Did you mean ${near}?` };
  }
  return flags.has(`--${name}`)
    ? { why: "it says what one run is to do", hint: `Type --${name} in the run that it is meant for.` }
    : { why: "there is no such setting", hint: "" };
}
