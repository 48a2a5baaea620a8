/** `npm run executable`: writes release/decamp-VERSION-linux-x64, and its licences beside it. */
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { artefactsOf } from "./artefact-rules.ts";
import { buildExecutable, noExecutable } from "./executable.ts";

const reason = noExecutable();
if (reason !== undefined) {
  console.error(`No executable: ${reason}.`);
  process.exit(1);
}
const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
const { program, licences } = await buildExecutable();
const names = artefactsOf(version);
const file = `release/${names.program}`;
mkdirSync("release", { recursive: true });
copyFileSync(program, file);
copyFileSync(licences, `release/${names.licences}`);
console.log(`${file}, with Node.js ${process.versions.node} in it, and release/${names.licences}`);
