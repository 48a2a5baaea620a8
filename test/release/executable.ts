/**
 * The executable: decamp, the packages that it needs and Node.js in one file, as Node.js itself makes them ("Single
 * executable applications" in its manual). It has the Node.js that builds it. The keychain is left out: no-keyring.ts.
 *
 * Tried on 64-bit Linux, and so built there alone.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { rolldown, type Plugin } from "rolldown";
import { runAtBuild, sourceFiles, hash } from "../tools/dist.ts";
import { must } from "./prove-command.ts";

/** Where Node.js looks whether something was put into it. */
const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
const memory = ".cache/executable";

/** Why this Node.js cannot become an executable of decamp; undefined if it can. */
export function noExecutable(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `it is built on 64-bit Linux alone, and this is ${process.platform} ${process.arch}`;
  }
  // Where Node.js is a library of the system, its program is a few kilobytes.
  return readFileSync(process.execPath).includes(fuse) ? undefined : "this Node.js takes nothing into its program";
}

/** The files of an executable. */
export interface Executable {
  readonly program: string;
  /** Of everything that is in it. */
  readonly licences: string;
}

/** Builds it, unless it is there and of these sources. Needs no `dist`. */
export async function buildExecutable(): Promise<Executable> {
  const tools = readdirSync("test/release").map((name) => path.join("test/release", name));
  const of = createHash("sha256")
    .update(hash([...sourceFiles(), ...tools]))
    .update(process.version);
  const folder = path.join(memory, of.digest("hex").slice(0, 16));
  const made = { program: path.join(folder, "decamp"), licences: path.join(folder, "LICENSES.txt") };
  if (existsSync(made.program)) {
    return made;
  }
  // Each has more than a hundred megabytes.
  rmSync(memory, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const modules = await writeBundle(folder);
  writeFileSync(made.licences, licencesOf(modules));
  const settings = { main: path.join(folder, "decamp.cjs"), output: path.join(folder, "decamp.blob") };
  const config = path.join(folder, "sea.json");
  // A program that reads secrets loads nothing that NODE_OPTIONS names.
  const how = { disableExperimentalSEAWarning: true, useCodeCache: true, execArgvExtension: "none" };
  writeFileSync(config, JSON.stringify({ ...settings, ...how }));
  await must([process.execPath, "--experimental-sea-config", config]);
  const unfinished = `${made.program}.new`;
  copyFileSync(process.execPath, unfinished);
  chmodSync(unfinished, 0o755);
  await must(["postject", unfinished, "NODE_SEA_BLOB", settings.output, "--sentinel-fuse", fuse]);
  renameSync(unfinished, made.program);
  return made;
}

/** All code in one file. Returns the modules that it is made of. */
async function writeBundle(folder: string): Promise<readonly string[]> {
  const bundle = await rolldown({
    input: { decamp: "test/release/executable-entry.ts" },
    platform: "node",
    plugins: [runAtBuild, inExecutable],
    checks: { ineffectiveDynamicImport: false },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "cjs",
    codeSplitting: false,
    entryFileNames: "[name].cjs",
  });
  return output[0].moduleIds;
}

/** The executable has no keychain. */
const inExecutable: Plugin = {
  name: "in-executable",
  resolveId: (id) => (id === "@napi-rs/keyring" ? path.resolve("test/release/no-keyring.ts") : null),
};

/** The licences of Node.js and of the packages that `modules` are from. */
function licencesOf(modules: readonly string[]): string {
  const packages = new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0] ?? []));
  const texts = [...packages].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) as Record<
      string,
      string
    >;
    return `${name} ${version}\n\n${licenceIn(folder) ?? `Its licence, as its package.json says: ${license}`}`;
  });
  const node =
    licenceIn(path.resolve(path.dirname(process.execPath), "..")) ??
    "See https://github.com/nodejs/node/blob/main/LICENSE";
  const own = readFileSync("LICENSE", "utf8");
  return [`decamp\n\n${own}`, `Node.js ${process.version}\n\n${node}`, ...texts].join(`\n${"-".repeat(80)}\n\n`);
}

function licenceIn(folder: string): string | undefined {
  const name = readdirSync(folder).find((one) => /^licen[cs]e(?:-mit)?(?:\.\w+)?$/i.test(one));
  return name === undefined ? undefined : readFileSync(path.join(folder, name), "utf8");
}
