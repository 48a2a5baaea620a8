/** `npm run release` is what docs/RELEASE.md says. Tried on a copy, without a network: only the dry run is started. */
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { obstacles, stepsOf, type ReleaseFacts } from "../tools/release-rules.ts";

const facts: ReleaseFacts = {
  version: "0.3.0",
  manifest: {
    version: "0.2.9",
    homepage: "https://git.invalid/a/decamp#readme",
    bugs: { url: "https://git.invalid/a/decamp/issues" },
    repository: { url: "git+https://git.invalid/a/decamp.git" },
  },
  changelog:
    "# Changelog\n\n## [Unreleased]\n\n## [0.3.0] - 2026-12-01\n\n- A thing.\n\n## [0.2.9] - 2026-11-01\n\n- Old.\n",
  branch: "main",
  changed: [],
  tag: "none",
  canPublish: false,
};
const titles = (with_: Partial<ReleaseFacts>): string[] => stepsOf({ ...facts, ...with_ }).map(({ title }) => title);

describe("what stands against a release", () => {
  test("nothing, where all is ready", () => {
    expect(obstacles(facts)).toEqual([]);
    // The first release, and one whose tests failed after the version was written.
    expect(obstacles({ ...facts, manifest: { ...facts.manifest, version: "0.3.0" } })).toEqual([]);
    // CI: no branch, but the tag.
    expect(obstacles({ ...facts, manifest: { ...facts.manifest, version: "0.3.0" }, branch: "", tag: "here" })).toEqual(
      [],
    );
  });

  test.each<[Partial<ReleaseFacts>, RegExp]>([
    [{ version: "next" }, /not a version/],
    [{ manifest: { ...facts.manifest, version: "0.10.0" } }, /not newer than 0\.10\.0/],
    [{ manifest: { ...facts.manifest, version: "0.3.0" }, tag: "elsewhere" }, /not newer/],
    [{ tag: "elsewhere" }, /tag v0\.3\.0 is there already/],
    [{ branch: "other" }, /not the branch main/],
    [{ branch: "" }, /not the branch main/],
    [{ changed: ["src/errors.ts"] }, /Not everything is committed: src\/errors\.ts/],
    [{ changelog: facts.changelog.replace("[0.3.0] - 2026-12-01", "[0.3.0]") }, /CHANGELOG/],
    [{ changelog: facts.changelog.replace("- A thing.", "") }, /CHANGELOG/],
    [{ changelog: facts.changelog.replace("[0.3.0]", "[0.3.01]") }, /CHANGELOG/],
    [{ manifest: { ...facts.manifest, homepage: "https://elsewhere.invalid" } }, /homepage should be/],
    [{ manifest: { ...facts.manifest, bugs: { url: "https://elsewhere.invalid" } } }, /bugs\.url should be/],
  ])("%j", (changed, said) => {
    const found = obstacles({ ...facts, ...changed });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(said);
  });

  test("addresses that lead nowhere", () => {
    const manifest = JSON.parse(JSON.stringify(facts.manifest).replaceAll("git.invalid", "git.example"));
    expect(obstacles({ ...facts, manifest })).toEqual([
      "The addresses in package.json are still the placeholder https://git.example/a/decamp.",
    ]);
  });
});

const made = ["Pack in two clones", "Try it installed", "Build the executable", "Put the rest beside it"];
test("steps that are done are left out, and only CI publishes", () => {
  expect(titles({})).toEqual(["Write the version", "Commit it", "Check and test", "Tag", ...made]);
  const written = { ...facts.manifest, version: "0.3.0" };
  expect(titles({ manifest: written })).toEqual(["Check and test", "Tag", ...made]);
  expect(titles({ manifest: written, tag: "here", canPublish: true })).toEqual(["Check and test", ...made, "Publish"]);
});

describe("the dry run", () => {
  const script = fileURLToPath(new URL("../tools/release.ts", import.meta.url));
  let copy = "";
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@a.invalid", ...args], {
      cwd: copy,
      encoding: "utf8",
    });
  /** Every ref with its commit, what git sees changed, and every file with its bytes. */
  const look = (): unknown => [
    git("for-each-ref"),
    git("status", "--porcelain"),
    readdirSync(copy).map((name) => [name, name === ".git" ? "" : readFileSync(path.join(copy, name), "utf8")]),
  ];
  const release = (...args: string[]): { status: number | null; stdout: string; stderr: string } => {
    const { ACTIONS_ID_TOKEN_REQUEST_URL: _github, SIGSTORE_ID_TOKEN: _gitlab, ...env } = process.env;
    return spawnSync(process.execPath, [script, ...args], { cwd: copy, env, encoding: "utf8" });
  };

  beforeAll(() => {
    copy = mkdtempSync(path.join(tmpdir(), "decamp-release-"));
    writeFileSync(path.join(copy, "package.json"), JSON.stringify(facts.manifest));
    writeFileSync(path.join(copy, "CHANGELOG.md"), facts.changelog);
    git("init", "--quiet", "--initial-branch=main");
    git("add", ".");
    git("commit", "--quiet", "--message=all");
  });
  afterAll(() => rmSync(copy, { recursive: true }));

  test("prints every step, and changes nothing", () => {
    const before = look();
    const { status, stdout, stderr } = release("0.3.0", "--dry-run");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.split("\n").slice(0, 8)).toEqual([
      "Write the version: npm version 0.3.0 --no-git-tag-version",
      "Commit it: git commit --message release: 0.3.0 -- package.json package-lock.json",
      "Check and test: npm test",
      "Tag: git tag --annotate v0.3.0 --message decamp 0.3.0",
      "Pack in two clones: npm run twice",
      "Try it installed: npm run installed",
      "Build the executable: npm run executable",
      "Put the rest beside it: npm run artefacts",
    ]);
    expect(stdout).toContain("git push --atomic origin main v0.3.0");
    expect(look()).toEqual(before);
  });

  test("sees the tree, the branch and the tag as they are", () => {
    appendFileSync(path.join(copy, "CHANGELOG.md"), "- Late.\n");
    git("tag", "--annotate", "v0.3.0", "--message=other");
    git("checkout", "--quiet", "-b", "other");
    git("commit", "--quiet", "--allow-empty", "--message=more");
    const { status, stdout, stderr } = release("0.3.0", "--dry-run");
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr.split("\n- ").slice(1)).toEqual([
      "The tag v0.3.0 is there already, and package.json has 0.2.9.",
      "This is not the branch main, nor the tag v0.3.0.",
      "Not everything is committed: CHANGELOG.md.\n",
    ]);
  });

  test("needs one version", () => {
    expect(release("--dry-run").status).toBe(2);
    expect(release("0.3.0", "0.4.0").status).toBe(2);
  });
});
