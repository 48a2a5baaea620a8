/**
 * Plays action.yml as a runner of GitHub does: its steps one after the other, each by bash as the runner calls it, with
 * the inputs where the file says so, until one fails. For tests; a workflow of docs/ can be played with it, too.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

interface ActionStep {
  readonly name: string;
  readonly id?: string;
  readonly shell: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly run: string;
}

export interface ActionFile {
  readonly inputs: Readonly<Record<string, { description: string; required?: boolean; default?: string }>>;
  readonly outputs: Readonly<Record<string, { description: string; value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly ActionStep[] };
}

/** How a use of the action ended. */
export interface Played {
  /** Of the step that failed, or 0. */
  readonly code: number;
  readonly outputs: Readonly<Record<string, string>>;
  /** What the steps print, both streams. */
  readonly log: string;
  /** Removes the temporary folder of the job, in which the result lies. */
  readonly remove: () => void;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** action.yml, as it stands in this checkout. */
export const actionFile = parse(readFileSync(path.join(root, "action.yml"), "utf8")) as ActionFile;

/**
 * Plays the action. The checkout is this one, with its build: nothing is installed into it, and where it is not built
 * the first step fails.
 *
 * @param inputs as in `with:`
 * @param options `env` as in `env:`, `cwd` the workspace of the job
 */
export async function playAction(
  inputs: Readonly<Record<string, string>>,
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<Played> {
  const unknown = Object.keys(inputs).filter((name) => !(name in actionFile.inputs));
  if (unknown.length > 0) {
    throw new Error(`action.yml has no input ${unknown.join(", ")}`);
  }
  const temp = mkdtempSync(path.join(tmpdir(), "decamp-job-"));
  const npm = path.join(temp, "bin", "npm");
  mkdirSync(path.dirname(npm));
  writeFileSync(npm, '#!/bin/sh\necho "npm $*: not in this checkout" >&2\nexit 1\n', { mode: 0o755 });
  const given = (name: string): string => inputs[name] ?? actionFile.inputs[name]?.default ?? "";
  const outputsOf: Record<string, Record<string, string>> = {};
  let log = "";
  let code = 0;
  for (const [place, step] of actionFile.runs.steps.entries()) {
    const output = path.join(temp, `output-${place}`);
    const script = path.join(temp, `step-${place}.sh`);
    writeFileSync(output, "");
    writeFileSync(script, step.run);
    const own = Object.entries(step.env ?? {}).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, input: string) => given(input)),
    ]);
    const child = spawn("bash", ["--noprofile", "--norc", "-eo", "pipefail", script], {
      cwd: options.cwd,
      env: {
        ...process.env,
        ...options.env,
        PATH: `${path.dirname(npm)}:${process.env["PATH"]}`,
        ...(Object.fromEntries(own) as NodeJS.ProcessEnv),
        GITHUB_ACTION_PATH: root.replace(/\/$/, ""),
        GITHUB_OUTPUT: output,
        RUNNER_TEMP: temp,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (log += text));
    }
    [code] = (await once(child, "close")) as [number];
    outputsOf[step.id ?? ""] = readOutputs(readFileSync(output, "utf8"));
    if (code !== 0) {
      break;
    }
  }
  const outputs = Object.entries(actionFile.outputs).map(([name, { value }]) => {
    const [, step = "", output = ""] = /^\$\{\{ steps\.([\w-]+)\.outputs\.([\w-]+) \}\}$/.exec(value) ?? [];
    return [name, outputsOf[step]?.[output] ?? ""];
  });
  return {
    code,
    outputs: Object.fromEntries(outputs) as Record<string, string>,
    log,
    remove: () => rmSync(temp, { recursive: true }),
  };
}

/** `name<<DELIMITER`, lines, `DELIMITER`: the form of `$GITHUB_OUTPUT` in which a value may be anything. */
function readOutputs(text: string): Record<string, string> {
  const found = text.matchAll(/^([\w-]+)<<(.+)\n([^]*?)\n\2\n/gm);
  return Object.fromEntries(Array.from(found, ([, name = "", , value = ""]) => [name, value]));
}
