/**
 * Runs a workflow as a runner of GitHub does: its steps in their order in one folder, `run` by bash, expressions
 * replaced by their values. Steps with `uses` are those of GitHub's own actions; what they do for a workflow is done
 * here.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { pathOf, root, type Ended, type Machine } from "./machine.ts";

type Env = Readonly<Record<string, string>>;

interface Step {
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
  readonly env?: Env;
  readonly run?: string;
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Env;
  readonly env?: Env;
  readonly jobs: Readonly<
    Record<string, { readonly "runs-on": string; readonly env?: Env; readonly steps: readonly Step[] }>
  >;
}

/** A repository on GitHub: what is in it, its secrets, and what its runs have kept. */
export interface Repository {
  /** The folder with its files. */
  readonly files: string;
  /** The folder for its caches and artifacts. */
  readonly kept: string;
  /** What npm installs into. A step that installs is run once: word for word the same leaves the same there. */
  readonly prefix: string;
  readonly installed: Set<string>;
  readonly env: Env;
}

/** How a step ended. */
export interface StepEnded extends Ended {
  readonly step: string;
}

/**
 * Runs the only job of a workflow.
 *
 * @param values what expressions are: `secrets.OLD_PASSWORD`, `inputs.did`, `github.run_id`
 * @returns how each `run` ended
 * @throws Error for what nobody here knows
 */
export async function runWorkflow(
  text: string,
  machine: Machine,
  { files, kept, prefix, installed, env }: Repository,
  values: Env,
): Promise<StepEnded[]> {
  const workflow = parse(text) as Workflow;
  const [job, ...others] = Object.values(workflow.jobs);
  if (job === undefined || others.length > 0 || workflow.permissions["contents"] !== "read") {
    throw new Error("one job, that may read the repository and nothing else, is what is run here");
  }
  const valueOf = (given: string | number | boolean): string =>
    String(given).replaceAll(/\$\{\{ *(.*?) *\}\}/g, (_, expression: string) => {
      const value = values[expression];
      if (value === undefined) {
        throw new Error(`nobody here knows what ${expression} is`);
      }
      return value;
    });
  const workspace = path.join(kept, `workspace-${values["github.run_id"]}`);
  mkdirSync(workspace);
  const use = (action: string, given: (name: string) => string): void => {
    switch (action) {
      case "actions/checkout@v5":
        return cpSync(files, workspace, { recursive: true });
      case "actions/setup-node@v6":
        return refuseOtherNode(given("node-version"));
      case "actions/cache/restore@v5":
        return restore(path.join(kept, "caches"), workspace, given);
      case "actions/cache/save@v5":
        return cpSync(path.join(workspace, given("path")), path.join(kept, "caches", given("key"), given("path")), {
          recursive: true,
        });
      case "actions/upload-artifact@v6":
        return cpSync(path.join(workspace, given("path")), path.join(kept, "artifacts", given("name"), given("path")), {
          recursive: true,
        });
      default:
        throw new Error(`nobody here knows ${action}`);
    }
  };
  const ended: StepEnded[] = [];
  let failed = false;
  for (const [index, step] of job.steps.entries()) {
    if (step.if !== undefined && step.if !== "${{ !cancelled() }}") {
      throw new Error(`nobody here knows what ${step.if} is`);
    }
    if (failed && step.if === undefined) {
      continue;
    }
    if (step.uses !== undefined) {
      use(step.uses, (name) => valueOf(step.with?.[name] ?? ""));
      continue;
    }
    const install = /^npm install .*$/.exec(step.run ?? "")?.[0];
    if (install !== undefined && installed.has(install)) {
      ended.push({ step: step.name ?? "", code: 0, stdout: "", stderr: "" });
      continue;
    }
    const script = path.join(kept, `step-${values["github.run_id"]}-${index}.sh`);
    writeFileSync(script, valueOf(step.run ?? ""));
    const own = Object.entries({ ...workflow.env, ...job.env, ...step.env });
    const result = await machine.run("bash", ["-e", script], {
      cwd: workspace,
      env: {
        PATH: `${path.join(prefix, "bin")}:${pathOf(machine)}`,
        HOME: machine.at("/home"),
        ...env,
        npm_config_prefix: prefix,
        ...Object.fromEntries(own.map(([name, value]) => [name, valueOf(value)] as const)),
      },
    });
    ended.push({ step: step.name ?? "", ...result });
    failed ||= result.code !== 0;
    if (install !== undefined && result.code === 0) {
      installed.add(install);
    }
  }
  return ended;
}

/** A major version that decamp runs on, and its tests too. */
function refuseOtherNode(version: string): void {
  const { engines } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as {
    engines: { node: string };
  };
  if (!engines.node.includes(`^${version}.`)) {
    throw new Error(`decamp does not run on Node ${version}`);
  }
}

/** The newest cache whose name is the key, or begins with what else is taken. */
function restore(caches: string, workspace: string, given: (name: string) => string): void {
  const index = path.join(caches, given("key"));
  const taken = existsSync(index) ? given("key") : newest(caches, given("restore-keys"));
  if (taken !== undefined) {
    cpSync(path.join(caches, taken), workspace, { recursive: true });
  } else if (given("fail-on-cache-miss") === "true") {
    throw new Error(`there is no cache ${given("key")}, and none that begins with ${given("restore-keys")}`);
  }
}

/** Of runs whose numbers have as many digits, the last one's. */
function newest(caches: string, prefix: string): string | undefined {
  const names = existsSync(caches) ? readdirSync(caches) : [];
  return names
    .filter((name) => prefix !== "" && name.startsWith(prefix))
    .sort()
    .at(-1);
}
