/** `npm run check`: everything that can be said about the code without running it. The checks run side by side. */
import { spawn } from "node:child_process";
import { once } from "node:events";

const checks: readonly (readonly [string, ...string[]])[] = [
  ["prettier", "--check", "--log-level", "warn", "."],
  ["oxlint", "--type-aware", "--deny-warnings"],
  ["tsc", "-p", "test"],
  ["knip", "--no-progress"],
];

const failed = await Promise.all(
  checks.map(async ([command, ...args]) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const [code] = (await once(child, "close")) as [number | null];
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${command} ${args.join(" ")}`);
    if (code !== 0) {
      console.log(output);
    }
    return code !== 0;
  }),
);
process.exitCode = failed.includes(true) ? 1 : 0;
