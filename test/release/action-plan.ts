/** What the inputs of action.yml ask of decamp, and what its outputs are. Pure: `action.ts` runs it. */

/** The inputs of action.yml. One that is not given is empty. */
export interface ActionInputs {
  readonly mode: string;
  readonly path: string;
  readonly account: string;
  readonly output: string;
  /** One a line. */
  readonly arguments: string;
}

/** The outputs of action.yml. */
export interface ActionOutputs {
  readonly "exit-code": string;
  readonly result: string;
  readonly did: string;
  readonly rev: string;
}

/** The inputs that a mode needs; it takes no other of these. */
const needed = { verify: ["path"], export: ["account", "output"] } as const;

/** The arguments of decamp, or a sentence about what is wrong with the inputs. */
export function argumentsFor(inputs: ActionInputs): readonly string[] | string {
  const { mode } = inputs;
  if (mode !== "verify" && mode !== "export") {
    return "The input mode is neither verify nor export.";
  }
  const names: readonly ("path" | "account" | "output")[] = needed[mode];
  const missing = names.find((name) => inputs[name] === "");
  if (missing !== undefined) {
    return `The input ${missing} is missing: ${mode} needs it.`;
  }
  const other = (["path", "account", "output"] as const).find((name) => inputs[name] !== "" && !names.includes(name));
  if (other !== undefined) {
    return `The input ${other} is not for ${mode}.`;
  }
  // The standard streams belong to the workflow.
  const stream = names.find((name) => inputs[name] === "-");
  if (stream !== undefined) {
    return `The input ${stream} has to be a name, and not "-".`;
  }
  const more = inputs.arguments.split("\n").map((line) => line.trim());
  // They say something else, and the step would be green with nothing proved.
  const said = more.find((line) => /^(?:--version|--help|-[qvy]*h)$/.test(line));
  if (said !== undefined) {
    return `The input arguments has ${said}: with it nothing is done.`;
  }
  const output = mode === "export" ? [`--output=${inputs.output}`] : [];
  const named = mode === "export" ? inputs.account : inputs.path;
  return [mode, ...output, ...more.filter((line) => line !== ""), "--json", "--no-input", "--", named];
}

/** The document that tells most: the last `result`, or else the last `error`. */
export function tellingDocument(lines: readonly string[]): string | undefined {
  return ["result", "error"].map((type) => lines.findLast((line) => documentOf(line)["type"] === type)).find(Boolean);
}

/** @param document what `tellingDocument` found @param file where it lies */
export function outputsOf(exitCode: number, document: string | undefined, file: string): ActionOutputs {
  const facts = documentOf(document ?? "");
  const text = (name: "did" | "rev"): string => {
    const value = facts["type"] === "result" ? facts[name] : undefined;
    return typeof value === "string" ? value : "";
  };
  return {
    "exit-code": String(exitCode),
    result: document === undefined ? "" : file,
    did: text("did"),
    rev: text("rev"),
  };
}

/** Whether a line of decamp belongs into the log of a workflow: how far it is, once a second, does not. */
export function isForLog(line: string): boolean {
  return documentOf(line)["type"] !== "progress";
}

/** What goes into the file of `$GITHUB_OUTPUT`. @param delimiter a line that stands in no value */
export function outputFile(outputs: ActionOutputs, delimiter: string): string {
  return Object.entries(outputs)
    .map(([name, value]) => `${name}<<${delimiter}\n${value}\n${delimiter}\n`)
    .join("");
}

/** The fields of a line of JSON; none if it is no object. */
function documentOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = JSON.parse(line);
    return typeof read === "object" && read !== null ? { ...read } : {};
  } catch {
    return {};
  }
}
