/** Holds what a run of decamp has printed against docs/json-schema.json: every line, and no field that is not there. */
import { readFileSync } from "node:fs";
import { schemaPath, type Root } from "./schema.ts";
import { faultsIn } from "./validate.ts";

/** How a run ended. */
export interface Printed {
  /** Null if a signal has ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let schema: Root | undefined;

function readSchema(): Root {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a test compares the file with what makes it
  return (schema ??= JSON.parse(readFileSync(schemaPath, "utf8")) as Root);
}

/** What is wrong with one document. */
export function faultsOfDocument(document: unknown): string[] {
  const root = readSchema();
  const { type = "document without type", command } = Object(document) as { type?: string; command?: string };
  const mayBe = (root.anyOf ?? []).filter(({ $ref = "" }) => {
    const { properties = {} } = root.$defs[$ref.replace("#/$defs/", "")] ?? {};
    const names = properties["command"]?.anyOf ?? [properties["command"] ?? {}];
    return (
      properties["type"]?.const === type && names.some(({ const: name }) => name === undefined || name === command)
    );
  });
  return mayBe.length === 0
    ? [`the page knows no ${type}${command === undefined ? "" : ` of ${command}`}`]
    : faultsIn(document, { anyOf: mayBe }, root);
}

/** What is wrong with all that a run with `--json` has printed. */
export function faultsOfRun(argv: readonly string[], { code, stdout, stderr }: Printed): string[] {
  const words = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  // A shell that asks about a line gives its words on.
  if (!words.includes("--json") || words[0] === "__complete") {
    return [];
  }
  const data = writesData(words);
  const out = data ? [] : readLines(stdout);
  const err = readLines(stderr);
  const all = [...out, ...err];
  const documents = all.flatMap(({ document }) => (document === undefined ? [] : [document]));
  const errors = documents.filter(({ type }) => type === "error");
  // What was cut off by the end of the process, and a list that an error has ended, are no documents.
  const mayBreakOff = code === null || code === 130 || errors.length > 0;
  const places = new Set(out.slice(0, -1).map(({ document }) => document?.type));
  return [
    ...all.flatMap(({ line, document, isWhole }) =>
      document !== undefined
        ? faultsOfDocument(document).map((fault) => `${fault}\n    in ${line.slice(0, 500)}`)
        : mayBreakOff && !isWhole
          ? []
          : [`no JSON: ${line.slice(0, 500)}`],
    ),
    ...(places.has("result") ? ["a result that is not the last document"] : []),
    ...(errors.length > 1 ? ["more than one error"] : []),
    ...(out.some(({ document }) => document?.type === "error") ? ["an error on the standard output"] : []),
    ...(code === null || errors.every(({ exitCode }) => exitCode === code)
      ? []
      : [`exit code ${code}, unlike the error`]),
    ...(code === null || errors.length > 0 || documents.some(({ type }) => type === "result")
      ? []
      : ["neither a result nor an error"]),
  ];
}

/** @throws Error with all that is wrong with what a run has printed */
export function hold(argv: readonly string[], printed: Printed): void {
  refuse(`decamp ${argv.join(" ")}`, faultsOfRun(argv, printed));
}

/** The same for what a shell has printed, in which whatever is no document of decamp's may stand, too. */
export function holdLines(command: string, text: string): void {
  const documents = readLines(text).flatMap(({ document }) =>
    document?.type !== undefined && "version" in document ? [document] : [],
  );
  refuse(command, documents.flatMap(faultsOfDocument));
}

/**
 * The same for the log of a run: each line is a document of the page, with the fields that only a log has.
 *
 * @returns the documents, with all their fields
 */
export function holdLog(text: string): { readonly type?: unknown }[] {
  const lines = readLines(text);
  const root = readSchema();
  const faults = lines.flatMap(({ line, document }) => {
    const { time, pid, ...rest } = Object(document ?? {}) as Record<string, unknown>;
    return [...faultsIn({ time, pid }, { $ref: "#/$defs/LogLine" }, root), ...faultsOfDocument(rest)].map(
      (fault) => `${fault}\n    in ${line.slice(0, 500)}`,
    );
  });
  refuse("the log", faults);
  return lines.flatMap(({ document }) => (document === undefined ? [] : [document]));
}

function refuse(command: string, faults: readonly string[]): void {
  if (faults.length > 0) {
    throw new Error(
      [
        command,
        "prints what docs/JSON.md does not say. Add it to the tables there, then run: npm run json-schema",
        ...faults.slice(0, 20).map((fault) => `  ${fault}`),
      ].join("\n"),
    );
  }
}

/** Whether the data itself goes to the standard output, as it was asked for. */
function writesData(words: readonly string[]): boolean {
  return (
    words[0] === "export" &&
    words.some((word, index) => word === "-" && /^(?:-o|--output)$/.test(words[index - 1] ?? ""))
  );
}

interface Line {
  readonly line: string;
  readonly document?: { readonly type?: unknown; readonly exitCode?: unknown };
  /** Whether it has an end. */
  readonly isWhole: boolean;
}

function readLines(text: string): Line[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const isWhole = index < lines.length - 1;
    if (line === "") {
      return isWhole ? [{ line, isWhole }] : [];
    }
    try {
      const document = JSON.parse(line) as unknown;
      return [typeof document === "object" && document !== null ? { line, document, isWhole } : { line, isWhole }];
    } catch {
      return [{ line, isWhole }];
    }
  });
}
