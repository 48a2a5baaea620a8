/** What `decamp verify` does once there is something to prove. */
import type { AnyFinding, ArchiveReport } from "../../archive/check/check-archive.ts";
import type { SigningKey } from "../../archive/check/signing-keys.ts";
import { mendWords } from "../../archive/open-repo.ts";
import type { Limits } from "../../data/budgets.ts";
import { exitCodeOf } from "../../errors.ts";
import type { RepoLimits } from "../../repo/limits.ts";
import type { RepoReport } from "../../repo/report.ts";
import { verifyRepo, type Expectation } from "../../repo/verify.ts";
import type { GlobalFlags } from "../globals.ts";
import { openInput, type Input } from "../inputs/repo-input.ts";
import { nextCommand } from "../next-command.ts";
import { mendLines } from "../talk/mend-lines.ts";
import { createActivity } from "../talk/reporters/activity.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { VerifyFlags } from "./declare.ts";
import { archiveLines, factLines, findingLines, summaryLine, verdictLines } from "./result.ts";

const damagedExit = exitCodeOf("damaged");

/** What the commands that follow from it need. */
type Run = Parameters<typeof nextCommand>[1];

interface Verified extends Omit<Proof, "keys"> {
  readonly ok: boolean;
  /** The key that it is signed with, where that was looked up: until when it counted, and who says that it did. */
  readonly key: Pick<SigningKey, "until" | "remembered">;
  readonly findings: readonly AnyFinding[];
  /** The command that mends it. */
  readonly next: string | undefined;
  readonly input: Input["archive"];
}

/** Proves what is open, says how that went, and closes it. @returns the exit code */
export async function proveInput(input: Input, expectation: Expectation, run: Run, setting: Setting): Promise<number> {
  return tell(await verifyInput(input, expectation, run, setting), setting.globals, setting.terminal);
}

/** Proves an archive, and says how that went. @returns the exit code */
export async function proveArchive(path: string, given: Expectation, run: Run, setting: Setting): Promise<number> {
  return tell(await verifyArchive(path, given, run, setting), setting.globals, setting.terminal);
}

/** Proves an archive on which others may be at work. */
async function verifyArchive(path: string, given: Expectation, run: Run, setting: Setting): Promise<Verified> {
  const [{ lookInPeace }, { thisProcess }, { pause }] = await Promise.all([
    import("../../archive/check/in-peace.ts"),
    import("../../services/disk/lock-owner.ts"),
    import("../../services/wait.ts"),
  ]);
  const { terminal, signal, all } = setting;
  const look = async (): Promise<Verified> =>
    verifyInput(await openInput(path, terminal, { signal, limits: all, passesOver: true }), given, run, setting);
  const isGood = ({ ok }: Verified): boolean => ok;
  return lookInPeace(path, look, { isGood, lockOwner: thisProcess(), now: Date.now, pause, signal });
}

async function verifyInput(input: Input, expectation: Expectation, run: Run, setting: Setting): Promise<Verified> {
  try {
    const { keys, ...proof } = await proveAll(input, expectation, setting);
    const { report, archive } = proof;
    const ok = report.ok && !(archive?.findings.some(({ severity }) => severity === "error") ?? false);
    return {
      ...proof,
      ok,
      key: keys.find(({ didKey }) => didKey === report.signingKey) ?? {},
      findings: [...report.findings, ...(archive?.findings ?? [])],
      input: input.archive,
      next: ok || input.archive === undefined ? undefined : mendCommand(input.archive, run),
    };
  } finally {
    input.close();
  }
}

/** @returns the exit code */
function tell(verified: Verified, globals: GlobalFlags, { out }: Terminal): number {
  const { json, quiet } = globals;
  const exitCode = verified.ok ? 0 : damagedExit;
  if (json) {
    out.json({ type: "result", version: 1, command: "verify", ...factsOf(verified, false) });
    return exitCode;
  }
  const { report, ok, key, archive, findings, next, input } = verified;
  const verdict = quiet && ok ? [] : verdictLines(report, ok, key);
  const facts = quiet ? [] : [...factLines(report), ...archiveLines(archive)];
  const mend =
    next === undefined || input === undefined
      ? []
      : mendLines({ archive: input.path, manifest: input.manifest, findings, next, globals });
  for (const line of [...verdict, ...facts, ...findingLines(findings), ...mend]) {
    out.line(...line);
  }
  return exitCode;
}

/** For scripts. @param inMany a line among those of other archives: there `archive` is the path of it */
function factsOf({ report, ok, key, archive, findings, next }: Verified, inMany: boolean): object {
  const { until, remembered } = key;
  return {
    ...report,
    ok,
    ...(until === undefined ? {} : { signingKeyUntil: until }),
    ...(remembered === undefined ? {} : { signingKeyRemembered: remembered }),
    ...(archive === undefined
      ? {}
      : {
          [inMany ? "contents" : "archive"]: {
            snapshots: archive.snapshots,
            files: archive.files,
            blobs: archive.blobs,
          },
        }),
    ...(next === undefined ? {} : { next }),
    findings,
  };
}

/** Proves each archive in a folder of them. @returns the exit code */
export async function proveMany(folder: string, expectation: Expectation, run: Run, setting: Setting): Promise<number> {
  const [{ forEachArchive }, { isInTurn }] = await Promise.all([
    import("../talk/many-archives.ts"),
    import("../../archive/state/shard.ts"),
  ]);
  const { sample: parts } = setting.flags;
  const now = expectation.now ?? Date.now();
  const turns = parts === undefined ? undefined : { parts, isIn: (name: string) => isInTurn(name, parts, now) };
  const work = { command: "verify", done: "proved", turns } as const;
  return forEachArchive(folder, work, setting, async (archive) => {
    const verified = await verifyArchive(archive, expectation, run, setting);
    const { ok, report, key, archive: rest, findings, next } = verified;
    const line = summaryLine({ ok, report, key, archive: rest, findings, next });
    return { exitCode: ok ? 0 : damagedExit, line, facts: factsOf(verified, true) };
  });
}

/** The command that fetches again what is damaged in an archive. */
function mendCommand({ path, manifest }: NonNullable<Input["archive"]>, run: Run): string {
  return nextCommand(mendWords(path, manifest.did), run);
}

interface Proof {
  readonly report: RepoReport;
  /** The keys that were looked up. */
  readonly keys: readonly SigningKey[];
  readonly archive?: ArchiveReport;
}

interface Setting {
  readonly flags: VerifyFlags;
  /** All limits of the run. */
  readonly all: Limits;
  /** Those that a verification knows. */
  readonly limits: Partial<RepoLimits>;
  readonly globals: GlobalFlags;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

async function proveAll(input: Input, given: Expectation, setting: Setting): Promise<Proof> {
  const { archive } = input;
  const proveIt = async (expected: Expectation): Promise<RepoReport> => prove(input, expected, setting);
  const isOnline = setting.flags.online === true;
  if (archive === undefined && !isOnline) {
    return { report: await proveIt(given), keys: [] }; // most runs: no code for archives and identities is loaded
  }
  const { proveByKeys } = await import("../../archive/check/whose-keys.ts");
  const lookUp = isOnline ? async (did: string): Promise<SigningKey[]> => lookUpKeys(did, setting) : undefined;
  const { report, keys, expected } = await proveByKeys(given, archive, proveIt, lookUp);
  return proveRest(input, report, keys, expected, setting);
}

/** Proves the rest of an archive, too, if it is one. */
async function proveRest(
  { archive, source }: Input,
  report: RepoReport,
  keys: readonly SigningKey[],
  expected: Expectation,
  { limits, globals, terminal, signal }: Setting,
): Promise<Proof> {
  if (archive === undefined) {
    return { report, keys };
  }
  const { checkArchive } = await import("../../archive/check/check-archive.ts");
  const activity = createActivity(terminal, "Proving the blobs", globals);
  const onProgress = (done: number, total: number): void => activity.progress({ unit: "blobs", done, total });
  const newest = { manifest: archive.manifest, source, report };
  const rest = await checkArchive(archive.path, newest, expected, { signal, limits, onProgress }).finally(() =>
    activity.close(),
  );
  return { report, keys, archive: rest };
}

async function prove(input: Input, expected: Expectation, setting: Setting): Promise<RepoReport> {
  const { limits, globals, terminal, signal } = setting;
  const activity = createActivity(terminal, "Proving the repository", globals);
  return verifyRepo(input.source, expected, {
    signal,
    limits,
    onProgress: ({ bytes }) => activity.progress({ unit: "bytes", done: bytes, total: input.size }),
  }).finally(() => activity.close());
}

/** The network is loaded only here. */
async function lookUpKeys(did: string, { globals, terminal, signal }: Setting): Promise<SigningKey[]> {
  const [{ networkFor }, { fetchSigningKeys }] = await Promise.all([
    import("../network.ts"),
    import("../../archive/check/signing-keys.ts"),
  ]);
  const { directory, webDocument, close } = networkFor(globals, terminal);
  try {
    return await fetchSigningKeys(did, { ...directory, webDocument }, signal);
  } finally {
    close();
  }
}
