/** Runs ask.ts on this terminal, and then shows in which state the terminal is: `node and-then-stty.ts KIND`. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("ask.ts", import.meta.url));
// The keys are meant for the child; this process only waits for its end.
process.on("SIGINT", () => undefined);
const { status } = spawnSync(process.execPath, [script, ...process.argv.slice(2)], { stdio: "inherit" });
process.stdout.write(`exit code ${status}\n`);
spawnSync("stty", ["-a"], { stdio: "inherit" });
