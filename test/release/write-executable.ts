/** `npm run executable`: writes release/decamp-VERSION-linux-x64, and its licences beside it. */
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { buildExecutable, noExecutable } from "./executable.ts";

const reason = noExecutable();
if (reason !== undefined) {
  console.error(`No executable: ${reason}.`);
  process.exit(1);
}
const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
const { program, licences } = await buildExecutable();
const file = `release/decamp-${version}-linux-x64`;
mkdirSync("release", { recursive: true });
copyFileSync(program, file);
copyFileSync(licences, `${file}.LICENSES.txt`);
console.log(`${file}, with Node.js ${process.versions.node} in it, and ${file}.LICENSES.txt`);
