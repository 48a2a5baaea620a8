/**
 * Older versions of the reference PDS, as people still run them. `npm run old-servers` installs them into `.cache`, for
 * `test/e2e/old-servers.test.ts`; without that they are left out.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../.cache/old-servers/", import.meta.url));

/** The oldest that is looked at, and the last one of 0.4. */
export const oldVersions: readonly string[] = ["0.4.73", "0.4.217"];

/** Where this version is, or is to be, installed. */
export function folderOf(version: string): string {
  return path.join(folder, version);
}

/** Whether it is there. */
export function isInstalled(version: string): boolean {
  return existsSync(path.join(folderOf(version), "node_modules", "@atproto", "pds", "package.json"));
}

/** What npm is given to install it: native packages in versions that the Node of the tests has prebuilt. */
export function manifestOf(version: string): object {
  return {
    private: true,
    dependencies: { "@atproto/pds": version },
    overrides: { "better-sqlite3": "13.2.0", sharp: "0.33.5" },
    allowScripts: { "better-sqlite3": false, "core-js": false, protobufjs: false, sharp: false },
  };
}
