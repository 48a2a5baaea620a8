/**
 * The step of action.yml that runs decamp: inputs from the environment, decamp's lines to the log, outputs to the file
 * that GitHub names. Ends with decamp's exit code.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { argumentsFor, isForLog, outputFile, outputsOf, tellingDocument } from "./action-plan.ts";

const { env } = process;
const args = argumentsFor({
  mode: env["DECAMP_ACTION_MODE"] ?? "",
  path: env["DECAMP_ACTION_PATH"] ?? "",
  account: env["DECAMP_ACTION_ACCOUNT"] ?? "",
  output: env["DECAMP_ACTION_OUTPUT"] ?? "",
  arguments: env["DECAMP_ACTION_ARGUMENTS"] ?? "",
});
const file = path.join(mkdtempSync(path.join(env["RUNNER_TEMP"] ?? tmpdir(), "decamp-")), "result.json");
const documents: string[] = [];
let code = 2;
if (typeof args === "string") {
  console.error(args);
} else {
  // What decamp says may come from a server: no line of it is a command to the runner.
  const token = randomUUID();
  console.log(`::stop-commands::${token}`);
  code = await runDecamp(args);
  console.log(`::${token}::`);
}
const document = tellingDocument(documents);
if (document !== undefined) {
  writeFileSync(file, `${document}\n`);
}
if (env["GITHUB_OUTPUT"] !== undefined) {
  appendFileSync(env["GITHUB_OUTPUT"], outputFile(outputsOf(code, document, file), randomUUID()));
}
process.exitCode = code;

/** Runs it and keeps its lines. Who cancels the workflow ends it as Ctrl-C does. */
async function runDecamp(argv: readonly string[]): Promise<number> {
  const bin = fileURLToPath(new URL("../../bin/decamp.js", import.meta.url));
  const child = spawn(process.execPath, [bin, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => child.kill(signal));
  }
  createInterface({ input: child.stdout }).on("line", (line) => {
    documents.push(line);
    if (isForLog(line)) {
      console.log(line);
    }
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    documents.push(line);
    console.error(line);
  });
  const [ended] = (await once(child, "close")) as [number | null];
  return ended ?? 1;
}
