/**
 * What a release needs, and which steps it has. Pure: `release.ts` looks and does. `docs/RELEASE.md` says the same in
 * words.
 */

/** What package.json says that a release depends on. */
export interface Manifest {
  readonly version: string;
  readonly homepage: string;
  readonly bugs: { readonly url: string };
  readonly repository: { readonly url: string };
}

export interface ReleaseFacts {
  /** The version that was asked for. */
  readonly version: string;
  readonly manifest: Manifest;
  readonly changelog: string;
  /** The branch that is checked out; empty where none is, as in CI. */
  readonly branch: string;
  /** Paths that are changed or not known to git. */
  readonly changed: readonly string[];
  readonly tag: "none" | "here" | "elsewhere";
  /** Whether this is CI, with a token that says so to the registry: without one there is no provenance. */
  readonly canPublish: boolean;
}

export interface Step {
  readonly title: string;
  readonly command: readonly [string, ...string[]];
}

/** What stands against the release, a sentence each. */
export function obstacles(facts: ReleaseFacts): string[] {
  const { version, manifest, changelog, branch, changed, tag } = facts;
  const found: string[] = [];
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    return [`"${version}" is not a version like 1.2.3.`];
  }
  const order = compareVersions(version, manifest.version);
  if (order < 0 || (order === 0 && tag === "elsewhere")) {
    found.push(`${version} is not newer than ${manifest.version}, which package.json has.`);
  }
  if (order > 0 && tag !== "none") {
    found.push(`The tag v${version} is there already, and package.json has ${manifest.version}.`);
  }
  if (branch !== "main" && tag !== "here") {
    found.push(`This is not the branch main, nor the tag v${version}.`);
  }
  if (changed.length > 0) {
    found.push(`Not everything is committed: ${changed.join(", ")}.`);
  }
  if (changesOf(changelog, version) === "") {
    found.push(`CHANGELOG.md has no changes under a heading "## [${version}] - YYYY-MM-DD".`);
  }
  found.push(...addressFaults(manifest));
  if (isPlaceholder(repositoryOf(manifest))) {
    found.push(`The addresses in package.json are still the placeholder ${repositoryOf(manifest)}.`);
  }
  return found;
}

/** The steps that are left, in their order. */
export function stepsOf({ version, manifest, tag, canPublish }: ReleaseFacts): Step[] {
  const steps: Step[] = [];
  if (manifest.version !== version) {
    const paths = ["package.json", "package-lock.json"];
    steps.push(
      { title: "Write the version", command: ["npm", "version", version, "--no-git-tag-version"] },
      { title: "Commit it", command: ["git", "commit", "--message", `release: ${version}`, "--", ...paths] },
    );
  }
  steps.push({ title: "Check and test", command: ["npm", "test"] });
  if (tag === "none") {
    steps.push({
      title: "Tag",
      command: ["git", "tag", "--annotate", `v${version}`, "--message", `decamp ${version}`],
    });
  }
  steps.push(
    { title: "Pack in two clones", command: ["npm", "run", "twice"] },
    { title: "Try it installed", command: ["npm", "run", "installed"] },
    { title: "Build the executable", command: ["npm", "run", "executable"] },
    { title: "Put the rest beside it", command: ["npm", "run", "artefacts"] },
  );
  if (canPublish) {
    steps.push({ title: "Publish", command: ["npm", "publish", `release/decamp-${version}.tgz`, "--provenance"] });
  }
  return steps;
}

/** The lines of `changelog` under the heading of `version`, which has a date; empty if there is none. */
function changesOf(changelog: string, version: string): string {
  const parts = changelog.split(/^## /m);
  const [heading = "", ...lines] = parts.find((part) => part.startsWith(`[${version}]`))?.split("\n") ?? [];
  return / - \d{4}-\d{2}-\d{2}$/.test(heading) ? lines.join("\n").trim() : "";
}

/** The address of the repository in package.json; the other addresses begin with it. */
export function repositoryOf({ repository }: Manifest): string {
  return repository.url.replace(/^git\+/, "").replace(/\.git$/, "");
}

/** Addresses of package.json that do not follow from that of its repository. */
export function addressFaults(manifest: Manifest): string[] {
  const repository = repositoryOf(manifest);
  const wanted = [
    ["homepage", manifest.homepage, `${repository}#readme`],
    ["bugs.url", manifest.bugs.url, `${repository}/issues`],
  ] as const;
  return wanted.flatMap(([name, is, should]) =>
    is === should ? [] : [`In package.json, ${name} should be ${should}, as the repository has it, and is ${is}.`],
  );
}

/** Whether `address` leads to nobody: `.example` is reserved (RFC 2606). */
function isPlaceholder(address: string): boolean {
  return new URL(address).hostname.endsWith(".example");
}

/** Negative if `a` is older than `b`, zero if they are one. Both are three numbers. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number));
  const at = [0, 1, 2].find((place) => left?.[place] !== right?.[place]) ?? 0;
  return (left?.[at] ?? 0) - (right?.[at] ?? 0);
}
