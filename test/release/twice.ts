/**
 * `npm run twice`: two clones of what is committed make the same package, byte by byte. They lie in folders of
 * different names and lengths, and the second has another umask, time zone and language. In each is typed what
 * docs/INSTALL.md says, to the installed command. Writes release/decamp-VERSION.tgz. Exit code 1 if the two differ.
 */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { installCommands, typedInClone } from "./install-page.ts";
import { must } from "./prove-command.ts";

const places = [
  { name: "a", umask: "022", env: { TZ: "UTC", LANG: "C" } },
  { name: "the/other clone", umask: "077", env: { TZ: "Pacific/Kiritimati", LANG: "tr_TR.UTF-8" } },
] as const;

const scratch = mkdtempSync(path.join(tmpdir(), "decamp-twice-"));
const page = installCommands();
const lines = typedInClone.flatMap((heading) => page.get(heading) ?? []);
const tarballs: string[] = [];
try {
  for (const { name, umask, env } of places) {
    const clone = path.join(scratch, name);
    const cloning = `umask ${umask}\ngit clone --quiet --no-local . "$0"\ncd "$0"`;
    const script = ["set -e", cloning, ...lines].join("\n");
    // What is installed for everybody there is so in a folder of this run.
    const prefix = path.join(scratch, `prefix-${umask}`);
    const where = { npm_config_prefix: prefix, PATH: `${prefix}/bin:${process.env["PATH"]}` };
    await must(["sh", "-c", script, clone], { ...env, ...where });
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
