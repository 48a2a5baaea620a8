/**
 * One server as a process: its settings come as a line of JSON on the standard input, and it ends when that ends. With
 * `from` it is of the version that is installed in that folder.
 */
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import type { ServerEnvironment } from "@atproto/pds";
import { listen, type PdsPackage } from "./listen-pds.ts";
import { quietTimers } from "./quiet-timers.ts";

quietTimers();
const lines = createInterface({ input: process.stdin });
const [line] = (await once(lines, "line")) as [string];
const { env, port, from } = JSON.parse(line) as { env: ServerEnvironment; port: number; from?: string };
const here = from === undefined ? import.meta.url : path.join(from, "package.json");
const version = createRequire(here)("@atproto/pds") as PdsPackage;
const pds = await listen(version, env, port);
console.log("listening");
await once(lines, "close");
await pds.destroy();
process.exit(0);
