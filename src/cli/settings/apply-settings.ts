/** What the configuration file says, put in the place of flags that were not typed. */
import type { Command } from "commander";

/** A switch, a path, a number: a rate in bytes per second; or a list of did:keys. */
export type SettingValue = boolean | string | number | readonly string[];

/** By the name of the setting. */
export type SettingValues = Readonly<Record<string, SettingValue>>;

/** A configuration file that was read. */
export interface FileSettings {
  readonly path: string;
  /** What holds for a command, such as `plc add-key`. */
  readonly of: (command: string) => SettingValues;
  /** How to speak before the arguments are understood. */
  readonly early: (argv: readonly string[]) => {
    readonly json: boolean;
    readonly verbose: boolean;
    readonly noColor: boolean;
    readonly plain: boolean;
  };
}

/** What a file gave to a run: no more than flags that the command has, and that were not typed. */
export interface GivenSettings {
  readonly path: string;
  readonly values: SettingValues;
}

/** What `--jobs` goes with. */
const manyAccounts = ["all", "accounts"];
/** They contradict each other: whichever was typed stands alone. */
const loudness = ["quiet", "verbose"];

/** @returns what was put */
export function applySettings(command: Command, values: SettingValues): SettingValues {
  const given: Record<string, SettingValue> = {};
  const levels = lineage(command);
  const isTyped = (name: string): boolean => levels.some((level) => level.getOptionValueSource(name) === "cli");
  for (const level of levels) {
    for (const option of level.options) {
      const name = (option.long ?? "").replace(/^--(?:no-)?/, "");
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      const isSaid = isTyped(option.attributeName()) || (loudness.includes(name) && loudness.some(isTyped));
      const isOfUse =
        name === "jobs"
          ? manyAccounts.some(isTyped)
          : name !== "compress" || !isOneFile(level.getOptionValue("output"));
      if (value !== undefined && !isSaid && isOfUse) {
        given[name] = value;
        level.setOptionValueWithSource(option.attributeName(), value, "config");
      }
    }
  }
  return given;
}

/** Whether `-o` names a CAR file or the standard output, which nothing is said of that is about archives. */
function isOneFile(output: unknown): boolean {
  return typeof output === "string" && (output === "-" || /\.car$/i.test(output));
}

/** What `--verbose` says about it: one line. */
export function settingsLine({ path, values }: GivenSettings): string {
  const settings = Object.entries(values).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return `Configuration: ${path} (${settings.length === 0 ? "nothing for this command" : settings.join(", ")})`;
}

function lineage(command: Command): readonly Command[] {
  return command.parent === null ? [command] : [command, ...lineage(command.parent)];
}
