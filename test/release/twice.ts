/**
 * `npm run twice`: two clones of what is committed make the same package, byte by byte. They lie in folders of different
 * names and lengths, and the second has another umask, time zone and language. Each
 * installs as Dockerfile does. Writes release/decamp-VERSION.tgz. Exit code 1 if the two differ.
 */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { linesOf, readDockerfile } from "./dockerfile.ts";
import { must } from "./prove-command.ts";

const places = [
  { name: "a", umask: "022", env: { TZ: "UTC", LANG: "C" } },
  { name: "the/other clone", umask: "077", env: { TZ: "Pacific/Kiritimati", LANG: "tr_TR.UTF-8" } },
] as const;

const scratch = mkdtempSync(path.join(tmpdir(), "decamp-twice-"));
const lines = linesOf(readDockerfile().stages[0], "RUN").slice(0, 1);
const tarballs: string[] = [];
try {
  for (const { name, umask, env } of places) {
    const clone = path.join(scratch, name);
    const cloning = `umask ${umask}\ngit clone --quiet --no-local . "$0"\ncd "$0"`;
    const script = ["set -e", cloning, ...lines, "npm pack --silent"].join("\n");
    await must(["sh", "-c", script, clone], env);
    tarballs.push(...readdirSync(clone).flatMap((file) => (file.endsWith(".tgz") ? [path.join(clone, file)] : [])));
  }
  const [one = "", other = ""] = tarballs;
  const sums = [one, other].map((file) => createHash("sha256").update(readFileSync(file)).digest("hex"));
  if (sums[0] === sums[1]) {
    mkdirSync("release", { recursive: true });
    copyFileSync(one, path.join("release", path.basename(one)));
    console.log(`Both clones made ${path.basename(one)}, SHA-256 ${sums[0]}.`);
  } else {
    console.error(`The clones made two packages: ${sums.join(" and ")}.`);
    process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true });
}
