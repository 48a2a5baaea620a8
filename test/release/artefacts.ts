/**
 * `npm run artefacts`: what lies beside the package of a release, in `release`: the list of what decamp is made of, the
 * manual page, and SHA256SUMS of everything. It needs what `npm run twice` and `npm run executable` have made.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bundled } from "../tools/dist.ts";
import { manPage } from "../tools/man.ts";
import { artefactFlaws, artefactsOf, sumsOf } from "./artefact-rules.ts";
import { sbomOf, type Lockfile } from "./sbom.ts";

const folder = "release";
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lockfile;
const names = artefactsOf(lock.version);
writeFileSync(path.join(folder, names.sbom), `${JSON.stringify(sbomOf(lock, bundled), undefined, 2)}\n`);
writeFileSync(path.join(folder, names.man), manPage(lock.version));
const flaws = artefactFlaws(lock.version, readdirSync(folder));
if (flaws.length > 0) {
  console.error(flaws.join("\n"));
  process.exit(1);
}
const files = Object.values(names).filter((name) => name !== names.sums);
const sums = files.map((name): [string, string] => [
  name,
  createHash("sha256")
    .update(readFileSync(path.join(folder, name)))
    .digest("hex"),
]);
writeFileSync(path.join(folder, names.sums), sumsOf(sums));
console.log(`${folder}/${names.sums}, of ${files.length} files`);
