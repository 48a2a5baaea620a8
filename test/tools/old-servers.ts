/** `npm run old-servers`: installs older versions of the reference PDS into `.cache`, for the tests that want them. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { folderOf, isInstalled, manifestOf, oldVersions } from "../network/old-versions.ts";
import { run } from "./run.ts";

for (const version of oldVersions) {
  if (isInstalled(version)) {
    console.log(`${version}: is there`);
    continue;
  }
  const folder = folderOf(version);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "package.json"), JSON.stringify(manifestOf(version)));
  const code = await run("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"]);
  if (code !== 0) {
    await rm(folder, { recursive: true, force: true });
    process.exit(code);
  }
}
