/** `npm run release -- VERSION [--dry-run]`: what `docs/RELEASE.md` says, step by step. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { obstacles, stepsOf, type Manifest, type ReleaseFacts } from "./release-rules.ts";
import { run } from "./run.ts";

const { values, positionals } = parseArgs({ options: { "dry-run": { type: "boolean" } }, allowPositionals: true });
const [version, ...others] = positionals;
if (version === undefined || others.length > 0) {
  console.error("Usage: npm run release -- VERSION [--dry-run]");
  process.exit(2);
}
const facts = look(version);
const against = obstacles(facts);
if (against.length > 0) {
  console.error([`${version} cannot be released:`, ...against.map((line) => `- ${line}`)].join("\n"));
  process.exit(1);
}
for (const { title, command } of stepsOf(facts)) {
  console.log(`${title}: ${command.join(" ")}`);
  if (values["dry-run"] !== true && (await run(command[0], command.slice(1))) !== 0) {
    console.error("That failed. The steps before it are done, and are left out the next time.");
    process.exit(1);
  }
}
if (!facts.canPublish) {
  console.log(`Then push the commit and the tag: git push --atomic origin main v${version}`);
  console.log(
    "This is not CI with an id token, so nothing is published here. Have CI run the same command on the tag.",
  );
}

/** Reads what `obstacles` judges. Changes nothing. */
function look(asked: string): ReleaseFacts {
  const head = git("rev-parse", "HEAD");
  const tagged = git("for-each-ref", "--format=%(objectname) %(*objectname)", `refs/tags/v${asked}`);
  const status = git("status", "--porcelain");
  const { env } = process;
  return {
    version: asked,
    manifest: JSON.parse(readFileSync("package.json", "utf8")) as Manifest,
    changelog: readFileSync("CHANGELOG.md", "utf8"),
    branch: git("branch", "--show-current"),
    changed: status === "" ? [] : status.split("\n").map((line) => line.replace(/^\s*\S+\s+/, "")),
    tag: tagged === "" ? "none" : tagged.split(" ").includes(head) ? "here" : "elsewhere",
    // As npm looks for it: the one name is GitHub's, the other GitLab's.
    canPublish: [env["ACTIONS_ID_TOKEN_REQUEST_URL"], env["SIGSTORE_ID_TOKEN"]].some((token) => (token ?? "") !== ""),
  };
}

function git(...args: string[]): string {
  return execFileSync("git", args, { encoding: "utf8" }).trim();
}
