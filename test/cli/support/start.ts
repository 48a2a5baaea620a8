/** Runs decamp from its sources: what bin/decamp.js does with the build. */
import { main } from "../../../src/cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
