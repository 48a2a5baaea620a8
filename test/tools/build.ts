/** `npm run build`: src to dist, from nothing, so that no file of an older build is left. */
import { rmSync } from "node:fs";
import { runAll } from "./run.ts";

rmSync("dist", { recursive: true, force: true });
await runAll([["tsc"]]);
