/** How what is damaged in an archive comes back, and what there is where it does not. */
import type { AnyFinding } from "../../archive/check/check-archive.ts";
import type { Manifest } from "../../archive/manifest.ts";
import { commandLine } from "../command-line.ts";
import { defaultPlcUrl } from "../../services/defaults.ts";
import type { GlobalFlags } from "../globals.ts";
import type { Line } from "./terminal.ts";

/** What is known of the damage, and of the run that found it. */
export interface Damage {
  readonly archive: string;
  readonly manifest: Pick<Manifest, "did" | "source">;
  readonly findings: readonly AnyFinding[];
  /** The command that fetches it again, complete. */
  readonly next: string;
  readonly globals: Pick<GlobalFlags, "plcUrl" | "allowPrivateHosts">;
}

/** These are mended by the next export, or by giving a folder its name. */
const notLost: ReadonlySet<string> = new Set(["archive/manifest-missing", "archive/snapshot-name"]);

/**
 * The older snapshots that are damaged, of which an export brings back only what the account still has. A blob that the
 * newest one needs, too, comes back with that.
 */
export function damagedOlder(findings: readonly AnyFinding[]): string[] {
  const lost = findings.filter(({ severity, rule }) => severity === "error" && !notLost.has(rule));
  const current = new Set(lost.flatMap(({ snapshot, cid }) => (snapshot === undefined ? [cid] : [])));
  const older = lost.filter(({ cid }) => cid === undefined || !current.has(cid));
  return [...new Set(older.flatMap(({ snapshot }) => (snapshot === undefined ? [] : [snapshot])))];
}

/** Whether nothing of the newest snapshot is damaged. */
export function isOnlyOlder(findings: readonly AnyFinding[]): boolean {
  return (
    damagedOlder(findings).length > 0 &&
    !findings.some(({ severity, snapshot }) => severity === "error" && snapshot === undefined)
  );
}

export function mendLines({ archive, manifest, findings, next, globals }: Damage): Line[] {
  const older = damagedOlder(findings);
  return [
    [],
    [
      isOnlyOlder(findings)
        ? "Only older snapshots are damaged. To fetch again what the account still has of that:"
        : "To fetch again what is damaged, as far as the server still has it:",
    ],
    [`  ${next}`],
    ...flagLines(manifest, globals),
    ...(older.length === 0 ? [] : lostLines(archive, older)),
  ];
}

/**
 * What there is where nobody can give it again.
 *
 * @param older the snapshots that are damaged, without the newest one
 */
export function lostLines(archive: string, older: readonly string[]): Line[] {
  const release = older.flatMap((name) => ["--release", name]);
  const prune = ["archive", "prune", archive, ...release, "--keep-daily", "7", "--dry-run"];
  const names = older.join(", ");
  return [
    ["What the account has no more may be in another copy of the archive, if there is one."],
    ...(older.length === 0
      ? []
      : [
          [
            `Else let go of ${names}, with rules that do not keep ${older.length > 1 ? "them" : "it"}. This says what would go:`,
          ],
          [`  ${commandLine(prune)}`],
        ]),
  ];
}

/** Flags that the run did not need and the command will, as far as the archive shows. */
function flagLines({ did, source }: Damage["manifest"], { plcUrl, allowPrivateHosts }: Damage["globals"]): Line[] {
  if (!source.startsWith("http:")) {
    return [];
  }
  const flags = [
    ...(allowPrivateHosts ? [] : ["--allow-private-hosts"]),
    ...(plcUrl === defaultPlcUrl && did.startsWith("did:plc:") ? ["--plc-url if that has a directory of its own"] : []),
  ];
  return flags.length === 0 ? [] : [[`The archive came from ${source}. Add ${flags.join(", and ")}.`]];
}
