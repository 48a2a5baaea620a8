/** Runs decamp's sources as a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { hold } from "../../json/hold.ts";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The script that runs the command line from its sources. */
export const startScript = fileURLToPath(new URL("start.ts", import.meta.url));

/** Runs a script with Node, with no environment but PATH, HOME and `env`. */
export async function runNode(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return runProgram(process.execPath, args, env);
}

/** Runs a program in the same way. */
export async function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
  }
  const [code] = (await once(child, "close")) as [number | null];
  if (args.includes(startScript)) {
    hold(args.slice(args.indexOf(startScript) + 1), { code, ...texts });
  }
  return { code, ...texts };
}
