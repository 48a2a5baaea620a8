/**
 * `npm run check`: everything that can be said about the code without running it. The checks run side by side, the
 * longest first.
 *
 * What they remember lies in `.cache/check` and is only ever an answer about the same bytes: prettier and tsc compare
 * the content of files, and their own version and settings. oxlint remembers nothing. knip would, by time and size
 * alone: so it is not asked to.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";

const memory = ".cache/check";
const checks: readonly (readonly [string, ...string[]])[] = [
  ["oxlint", "--type-aware", "--deny-warnings"],
  ["tsc", "-p", "test", "--incremental", "--tsBuildInfoFile", `${memory}/tsc.json`],
  [
    "prettier",
    "--check",
    "--log-level=warn",
    "--cache",
    "--cache-strategy=content",
    `--cache-location=${memory}/prettier`,
    ".",
  ],
  ["knip", "--no-progress"],
];

/**
 * oxlint and tsc are Go programs that live for seconds: a third of their time is saved where they free nothing below
 * the limit.
 */
const env = { GOGC: "off", GOMEMLIMIT: "1500MiB", ...process.env };

const failed = await Promise.all(
  checks.map(async ([command, ...args]) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const [code] = (await once(child, "close")) as [number | null];
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${command}`);
    if (code !== 0) {
      console.log(output);
    }
    return code !== 0;
  }),
);
process.exitCode = failed.includes(true) ? 1 : 0;
