/** Where the executable begins. It does what `bin/decamp.js` does, but which Node.js runs it is known. */
import { main } from "../../src/cli/main.ts";

// As in bin/decamp.js.
process.env["UV_THREADPOOL_SIZE"] ??= "8";
void start();

async function start(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}
