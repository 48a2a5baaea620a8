/** One server as a process: its settings come as a line of JSON on the standard input, and it ends when that ends. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { ServerEnvironment } from "@atproto/pds";
import { listen } from "./pds.ts";

const lines = createInterface({ input: process.stdin });
const [line] = (await once(lines, "line")) as [string];
const { env, port } = JSON.parse(line) as { env: ServerEnvironment; port: number };
const pds = await listen(env, port);
console.log("listening");
await once(lines, "close");
await pds.destroy();
process.exit(0);
