/** `npm run decamp -- ARGUMENT...`: the command line from the sources, without a build. */
import { main } from "../../src/cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
