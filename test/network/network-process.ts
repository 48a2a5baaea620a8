/**
 * A network in a process of its own, which prints its handle as a line of JSON and ends when its standard input does.
 * For tools that look into the databases of the servers: two copies of SQLite in one process take each other's locks
 * away.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { startNetwork } from "./index.ts";

const network = await startNetwork();
console.log(JSON.stringify(network.handle));
await once(createInterface({ input: process.stdin }), "close");
await network.stop();
process.exit(0);
