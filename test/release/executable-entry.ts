/** Where the executable begins: what `bin/decamp.js` does, but for what is settled when Node.js itself is in the file. */
import { main } from "../../src/cli/main.ts";

// As in bin/decamp.js.
process.env["UV_THREADPOOL_SIZE"] ??= "8";
void start();

async function start(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}
