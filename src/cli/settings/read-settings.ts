/**
 * The configuration file, read: the settings of each command. A setting that nobody knows is an error in every command,
 * so that it is not found at night.
 */
import { homedir } from "node:os";
import { parse, TomlError, type TomlTable, type TomlValue } from "smol-toml";
import { DecampError } from "../../errors.ts";
import { absolutePath } from "../../services/disk/named/absolute-path.ts";
import { readConfigFile, withoutConfig } from "../../services/disk/named/config-file.ts";
import type { ConfigPlace } from "../../services/config-place.ts";
import { namesState } from "../../services/defaults.ts";
import { byteRate, rateForm } from "../byte-rate.ts";
import { nearestOf } from "../help/suggest.ts";
import type { FileSettings, SettingValue, SettingValues } from "./apply-settings.ts";
import { mayBeQuiet, mostCount, settingKeys, settingTables, type SettingKey } from "./setting-keys.ts";
import { isTable, placeOf, type Place } from "./place-in-file.ts";
import { refusalOf } from "./refusals.ts";

/**
 * Reads the file.
 *
 * @param env its variables count more than the file
 * @throws DecampError `unreadable-file` as readConfigFile; `usage` for what is no TOML, and for what is no setting, or
 *   not here
 */
export async function readSettings(place: ConfigPlace, env: Readonly<NodeJS.ProcessEnv>): Promise<FileSettings> {
  return parseSettings(readConfigFile(place), place.path, env);
}

/** @param path of the file, for messages */
export async function parseSettings(
  text: string,
  path: string,
  env: Readonly<NodeJS.ProcessEnv>,
  home: () => string = homedir,
): Promise<FileSettings> {
  const layers = await readLayers(text, path, home);
  return {
    path,
    of: (command) => settle(command, layers, env),
    early: (argv) => {
      const word = argv.find((one) => settingTables.includes(one));
      const { json, verbose, color, plain } = settle(word ?? "", layers, env);
      return { json: json === true, verbose: verbose === true, noColor: color === false, plain: plain === true };
    },
  };
}

/** The top of the file is that of the empty name. */
type Layers = ReadonlyMap<string, SettingValues>;

async function readLayers(text: string, path: string, home: () => string): Promise<Layers> {
  const fail = (place: Place, message: string, hint: string): DecampError =>
    new DecampError("usage", `${path}, line ${place.line}, column ${place.column}: ${message}`, {
      hint: `${hint} ${withoutConfig}`.trim(),
      data: { path, line: place.line, column: place.column },
    });
  let read: TomlTable;
  try {
    read = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) {
      throw error;
    }
    // Behind it stands a part of the file, which is not repeated.
    const [reason = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw fail(error, `this is no TOML: ${reason}.`, 'Texts stand in quotes: output = "/srv/backups".');
  }
  const layers = new Map<string, SettingValues>();
  const entries = Object.entries(read).flatMap(([name, value]) =>
    isTable(value) && settingTables.includes(name)
      ? Object.entries(value).map(([key, inner]) => ({ table: name, key, value: inner }))
      : [{ table: "", key: name, value }],
  );
  for (const { table, key, value } of entries) {
    const found = look(table, key, value, home);
    if ("value" in found) {
      layers.set(table, { ...layers.get(table), [key]: found.value });
      continue;
    }
    const refusal = found.isKnown ? found : await unknown(key, value);
    const path = table === "" ? [key] : [table, key];
    throw fail(placeOf(text, path), `${shown(key)}: ${refusal.why}.`, refusal.hint);
  }
  for (const [table, { quiet, verbose }] of layers) {
    if (quiet === true && verbose === true) {
      const path = table === "" ? ["verbose"] : [table, "verbose"];
      throw fail(placeOf(text, path), "quiet and verbose contradict each other.", "Take one of them out.");
    }
  }
  return layers;
}

type Found =
  | { readonly value: SettingValue }
  | { readonly isKnown: true; readonly why: string; readonly hint: string }
  | { readonly isKnown: false };

function look(table: string, key: string, value: TomlValue, home: () => string): Found {
  const known = settingKeys.find(({ name }) => name === key);
  if (known === undefined) {
    return { isKnown: false };
  }
  const { tables = [] } = known;
  if (tables.length > 0 && !tables.includes(table)) {
    return { isKnown: true, why: `it stands below [${tables.join("] or [")}]`, hint: "" };
  }
  const taken = valueOf(known, value, home);
  return taken === undefined ? { isKnown: true, ...forms[known.type] } : { value: taken };
}

/** What is said of a value that is none. It is not repeated: it may have been meant for something else. */
const forms = {
  switch: { why: "it has to be true or false", hint: "" },
  path: {
    why: "it has to be a path that does not depend on the folder at hand",
    hint: 'Such as "/srv/backups", or "~/backups" for one in your home folder.',
  },
  rate: { why: `it has to be a rate`, hint: rateForm.replace("It must look like", "Such as") },
  count: { why: `it has to be a whole number from 1 to ${mostCount}`, hint: "" },
  format: { why: 'it has to be "zstd"', hint: "" },
  keys: { why: "it has to be a did:key, the public part of a key, or a list of them", hint: "" },
} as const;

function valueOf({ type }: SettingKey, value: TomlValue, home: () => string): SettingValue | undefined {
  switch (type) {
    case "switch":
      return typeof value === "boolean" ? value : undefined;
    case "path":
      return typeof value === "string" ? absolutePath(value, home) : undefined;
    case "rate":
      return typeof value === "string" || typeof value === "number" ? byteRate(String(value)) : undefined;
    case "count":
      return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= mostCount
        ? value
        : undefined;
    case "format":
      return value === "zstd" ? value : undefined;
    case "keys": {
      const keys = [value].flat();
      return keys.length > 0 && keys.every(isPublicKey) ? keys : undefined;
    }
  }
}

/** By its form alone: what the key is, the command looks at. */
function isPublicKey(value: TomlValue): value is string {
  return typeof value === "string" && /^did:key:z[1-9A-HJ-NP-Za-km-z]{40,60}$/.test(value);
}

async function unknown(key: string, value: TomlValue): Promise<{ readonly why: string; readonly hint: string }> {
  if (isTable(value)) {
    const near = nearestOf(key, settingTables);
    return {
      why: "there is no such table",
      hint: near === undefined ? `There are [${settingTables.join("], [")}].` : `Did you mean [${near}]?`,
    };
  }
  const { flagNames } = await import("../help/complete.ts");
  const { why, hint } = refusalOf(key, flagNames());
  return { why, hint: hint === "" ? "All settings: decamp help configuration." : hint };
}

/** So much of a name is repeated (letters). */
const shownLetters = 40;

function shown(key: string): string {
  return key.length > shownLetters ? `${key.slice(0, shownLetters)}…` : key;
}

/** What holds for a command: its own table over the top of the file, and the environment over both. */
function settle(command: string, layers: Layers, env: Readonly<NodeJS.ProcessEnv>): SettingValues {
  const top = layers.get("") ?? {};
  const own = layers.get(command.split(" ")[0] ?? "") ?? {};
  const values: Record<string, SettingValue> = { ...top, ...own };
  if (values["quiet"] === true && values["verbose"] === true) {
    // They contradict each other, and the nearer one counts.
    delete values[own["quiet"] === true ? "verbose" : "quiet"];
  }
  if (!mayBeQuiet.has(command)) {
    delete values["quiet"];
  }
  if (namesState(env)) {
    delete values["state-dir"];
  }
  if (env["FORCE_COLOR"] !== undefined) {
    delete values["color"];
  }
  return values;
}
