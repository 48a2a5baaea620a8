/** What each page needs to be followed; and which commands on the pages are not typed by it. */
import type { PageTable } from "./run-page.ts";

/**
 * Commands that are typed by nobody: five at the most, each with its reason. They are what stands on a page, letter by
 * letter.
 */
export const exceptions: Readonly<Record<string, string>> = {};

/** Commands that another test runs, or CI itself: the file, and what in it does so. */
export const elsewhere: Readonly<Record<string, { readonly file: string; readonly by: string }>> = {
  "npm ci": { file: ".ci/run", by: "npm ci" },
  "npm test": { file: ".ci/run", by: "npm test" },
  "npm run build": { file: "test/tools/test.ts", by: '["node", "test/tools/build.ts"]' },
  "npm run release -- 1.2.3 --dry-run": { file: "test/house/release.test.ts", by: '"--dry-run"' },
};

/** Each page that has commands. */
export const tables: Readonly<Record<string, PageTable>> = {
  "docs/BACKUP.md": {
    setting: "account alice records=30 blobs=3",
    answers: [["? Password of alice.example.com", "the-old-password"]],
  },
};
