/**
 * Runs a transcript: every command in one folder, by a shell, with the real bin/decamp.js; and says what is not as it
 * is written.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { holdLines } from "../json/hold.ts";
import { fill, fillKnown, matchFiles, matchLines, type Known } from "./match.ts";
import { parseTranscript, withoutEnds, type GivenFile, type Session, type Transcript } from "./parse.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * What a command says every ten seconds as a sign of life: on a machine that is busy it may, and elsewhere does not.
 */
const signOfLife = /^[a-z-]+: (?:still working|[\d.,]+(?: of [\d.,]+)? (?:bytes|kB|MB|GB|blobs?|records?))$/;

/** What a transcript with a network has from it. */
export interface World {
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** The named parts that are known from the start. */
  readonly known: Known;
}

/** A command that did not do what is written. */
export interface Problem {
  readonly line: number;
  readonly command: string;
  readonly what: string;
}

/** All transcripts of a folder: the name of each file without `.txt`, and what is in it. */
export async function readTranscripts(
  shelf = ".",
): Promise<readonly { readonly name: string; readonly transcript: Transcript }[]> {
  const folder = fileURLToPath(new URL(shelf, import.meta.url));
  const names = (await readdir(folder)).filter((name) => name.endsWith(".txt")).sort();
  return Promise.all(
    names.map(async (name) => ({
      name: name.slice(0, -".txt".length),
      transcript: parseTranscript(await readFile(path.join(folder, name), "utf8")),
    })),
  );
}

/** How a command ended, and what it has written. */
export interface Written {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How the commands are run. */
export interface Manner {
  /** Runs one command in a folder. */
  readonly shell: (command: string, cwd: string, env: NodeJS.ProcessEnv) => Promise<Written>;
  /** The folder with the programs `decamp` and `node`; without it, `decamp` is bin/decamp.js and nothing installed. */
  readonly installed?: string;
  /** Called before each command. */
  readonly before?: (session: Session) => Promise<void>;
}

/** Runs all commands, in a folder of their own that is removed afterwards. @returns what is not as it is written */
export async function runTranscript(
  { setting, sessions }: Transcript,
  world: World = { env: {}, known: {} },
  { shell, installed, before }: Manner = { shell: inShell },
): Promise<Problem[]> {
  const base = await mkdtemp(path.join(tmpdir(), "decamp-transcript-"));
  try {
    const folder = path.join(base, "home");
    const programs = path.join(base, "bin");
    await Promise.all([folder, programs, path.join(base, "tmp")].map(async (name) => mkdir(name)));
    if (installed === undefined) {
      await writeProgram(path.join(programs, "decamp"), 'exec "$DECAMP_NODE" "$DECAMP_BIN" "$@"\n');
    }
    const given = await putThere(setting.files, { folder, programs, known: world.known });
    for (const { name, mode } of setting.modes ?? []) {
      const place = path.join(folder, name);
      await stat(place).catch(async () => mkdir(place));
      await chmod(place, mode);
    }
    const env = {
      PATH:
        installed === undefined
          ? [programs, path.dirname(process.execPath), process.env["PATH"]].join(path.delimiter)
          : [programs, installed, "/usr/bin", "/bin"].join(path.delimiter),
      HOME: folder,
      TMPDIR: path.join(base, "tmp"),
      LANG: "C.UTF-8",
      DECAMP_NODE: process.env["DECAMP_NODE"] ?? process.execPath,
      DECAMP_BIN: path.join(root, "bin", "decamp.js"),
      ...world.env,
      ...setting.env,
    };
    const problems: Problem[] = [];
    let { known } = world;
    for (const session of sessions) {
      await before?.(session);
      const result = await runSession(session, known, { folder, env, given, shell });
      problems.push(...result.problems.map((what) => ({ line: session.line, command: session.command, what })));
      ({ known } = result);
    }
    return problems;
  } finally {
    // What a closed terminal has left may write for a moment yet.
    await rm(base, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Problems as a person reads them. */
export function problemText(problems: readonly Problem[]): string {
  return problems.map(({ line, command, what }) => `line ${line}: $ ${command}\n${what}`).join("\n\n");
}

interface Place {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Path in the folder → what was put there. */
  readonly given: ReadonlyMap<string, Buffer>;
  readonly shell: Manner["shell"];
}

async function runSession(
  session: Session,
  before: Known,
  { folder, env, given, shell }: Place,
): Promise<{ problems: string[]; known: Known }> {
  const problems: string[] = [];
  let known = before;
  let command: string;
  try {
    command = fill(session.command, known);
  } catch (error) {
    return { problems: [String(error)], known };
  }
  const { code, ...written } = await shell(command, folder, env);
  if (code !== session.exitCode) {
    problems.push(`exit code ${session.exitCode} is expected, and it was ${String(code)}`);
  }
  holdLines(session.command, `${written.stdout}\n${written.stderr}`);
  for (const channel of ["stdout", "stderr"] as const) {
    const lines = withoutEnds(written[channel].split("\n").filter((line) => !signOfLife.test(line)));
    const found = matchLines(session[channel], lines, known);
    if (found === undefined) {
      problems.push(different(channel, session[channel], lines, known));
    } else {
      known = found;
    }
  }
  if (session.files !== undefined) {
    const files = await filesThere(folder, given);
    const found = matchFiles(session.files, files, known);
    if (found === undefined) {
      problems.push(different("files", session.files, files, known));
    } else {
      known = found;
    }
  }
  return { problems, known };
}

function different(what: string, expected: readonly string[], found: readonly string[], known: Known): string {
  return [
    `  ${what} is expected to be`,
    ...expected.map((line) => `    ${fillKnown(line, known)}`),
    "  and it was",
    ...found.map((line) => `    ${line}`),
  ].join("\n");
}

/** Runs a command without a terminal, and with nothing on its standard input. */
export async function inShell(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Written> {
  const child = spawn("sh", ["-c", command], {
    cwd,
    env: { ...env, BEGAN: String(Date.now()) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

async function writeProgram(name: string, text: string): Promise<void> {
  await writeFile(name, `#!/bin/sh\n${text}`);
  await chmod(name, 0o755);
}

/** @returns what lies in the folder now */
async function putThere(
  files: readonly GivenFile[],
  { folder, programs, known }: { folder: string; programs: string; known: Known },
): Promise<ReadonlyMap<string, Buffer>> {
  for (const { name, isProgram, content } of files) {
    if (isProgram && typeof content === "string") {
      const text = fill(content, known);
      await Promise.all([programs, folder].map(async (place) => writeProgram(path.join(place, name), text)));
    } else if (typeof content === "string") {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), fill(content, known), { mode: 0o600 });
    } else {
      await copyThere(path.join(root, content.path), content.field, path.join(folder, name));
    }
  }
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const entries = names
    .filter((entry) => entry.isFile())
    .map(async (entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(folder, file), await readFile(file)] as const;
    });
  return new Map(await Promise.all(entries));
}

async function copyThere(from: string, field: string | undefined, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  if (field !== undefined) {
    const fields = JSON.parse(await readFile(from, "utf8")) as Record<string, unknown>;
    await writeFile(to, JSON.stringify(fields[field]));
    return;
  }
  const names = await readdir(from, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (names === undefined) {
    await writeFile(to, await readFile(from));
    return;
  }
  for (const entry of names.filter((one) => one.isFile())) {
    const file = path.join(entry.parentPath, entry.name);
    const place = path.join(to, path.relative(from, file));
    await mkdir(path.dirname(place), { recursive: true, mode: 0o700 });
    await writeFile(place, await readFile(file), { mode: 0o600 });
  }
}

/**
 * All files below the folder, but for those that are as they were put there; and what has become of the others of
 * those.
 */
async function filesThere(folder: string, given: ReadonlyMap<string, Buffer>): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  const changed = await Promise.all(
    names.map(async (name) => {
      const before = given.get(name);
      if (before === undefined) {
        return [name];
      }
      // What nobody may read is as it was.
      const now = await readFile(path.join(folder, name)).catch(() => before);
      return isDeepStrictEqual(now, before) ? [] : [`~ ${name}`];
    }),
  );
  const gone = [...given.keys()].filter((name) => !names.includes(name)).map((name) => `- ${name}`);
  return [...changed.flat(), ...gone].sort();
}
