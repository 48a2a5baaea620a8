/** `npm run build`: src to dist. */
import { build } from "./dist.ts";

process.exitCode = await build();
