/**
 * `npm run check`: everything that can be said about the code without running it. The checks run side by side, the
 * longest first.
 *
 * What they remember lies in `.cache/check` and is only ever an answer about the same bytes: prettier and tsc compare
 * the content of files, and their own version and settings. oxlint remembers nothing, and knip would by time and size
 * alone. So what is remembered of these two is one hash of all that they could read, where they had nothing to say.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const memory = ".cache/check";
const checks: readonly (readonly [string, ...string[]])[] = [
  ["oxlint", "--type-aware", "--deny-warnings"],
  ["tsc", "-p", "test", "--incremental", "--tsBuildInfoFile", `${memory}/tsc.json`],
  [
    "prettier",
    "--check",
    "--log-level=warn",
    "--cache",
    "--cache-strategy=content",
    `--cache-location=${memory}/prettier`,
    ".",
  ],
  ["knip", "--no-progress"],
];

/**
 * oxlint and tsc are Go programs that live for seconds: a third of their time is saved where they free nothing below
 * the limit.
 */
const env = { GOGC: "off", GOMEMLIMIT: "1500MiB", ...process.env };

/** Checks that do not remember by themselves. */
const forgetful: ReadonlySet<string> = new Set(["oxlint", "knip"]);

/** A hash of every file that git knows or would know, but for prose; undefined where there is no git. */
function hashOfAll(): string | undefined {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (listed.status !== 0) {
    return undefined;
  }
  const all = createHash("sha256").update(process.version);
  for (const file of listed.stdout.split("\0").filter((name) => name !== "" && !name.endsWith(".md"))) {
    all
      .update(`${file}\0`)
      .update(read(file) ?? "gone")
      .update("\0");
  }
  return all.digest("hex");
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

mkdirSync(memory, { recursive: true });
const now = hashOfAll();

const failed = await Promise.all(
  checks.map(async ([command, ...args]) => {
    const stamp = forgetful.has(command) ? `${memory}/${command}` : undefined;
    if (stamp !== undefined && now !== undefined && read(stamp)?.toString() === now) {
      console.log(`ok     ${command}, which has seen the same bytes before`);
      return false;
    }
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const [code] = (await once(child, "close")) as [number | null];
    console.log(`${code === 0 ? "ok    " : "FAILED"} ${command}`);
    if (code !== 0) {
      console.log(output);
    } else if (stamp !== undefined && now !== undefined && hashOfAll() === now) {
      writeFileSync(stamp, now);
    }
    return code !== 0;
  }),
);
process.exitCode = failed.includes(true) ? 1 : 0;
