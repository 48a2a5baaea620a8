/** What people read when `decamp verify` has ended. */
import type { AnyFinding, ArchiveReport } from "../../archive/check/check-archive.ts";
import type { SigningKey } from "../../archive/check/signing-keys.ts";
import type { RepoReport } from "../../repo/report.ts";
import { isOnlyOlder } from "../talk/mend-lines.ts";
import { bytesText, countText, moreText, plural } from "../talk/reporters/amounts.ts";
import type { Line, Piece } from "../talk/terminal.ts";

/** So many findings are named on the screen; `--json` has them all. */
const namedFindings = 100;
/** So many collections, the largest first. */
const namedCollections = 10;

const good = (text: string): Piece => ({ text, style: "green" });
const bad = (text: string): Piece => ({ text, style: "red" });

/** @param key the key that it is signed with, where that was looked up */
export function verdictLines(
  report: RepoReport,
  ok: boolean,
  { until, remembered = false }: Pick<SigningKey, "until" | "remembered">,
): Line[] {
  const { structure, signature, completeness, signingKey } = report;
  const whose = report.did === undefined ? "This" : `The repository of ${report.did}`;
  const verdict = ok
    ? signature === "unchecked"
      ? good(`${whose} is well-formed and ${completeness}. Who signed it was not checked.`)
      : good(
          remembered
            ? `${whose} is whole and ${completeness}. Whose it is, only the archive itself says.`
            : `${whose} is genuine and ${completeness}.`,
        )
    : bad(
        report.ok
          ? "The repository is valid, but the archive around it is damaged."
          : report.findings.find(({ severity }) => severity === "error")?.rule.startsWith("limit/") === true
            ? `${whose} was not read to its end: it is more than a limit allows.`
            : `${whose} is not a valid repository.`,
      );
  return [
    [verdict],
    ["Structure     ", structure === "valid" ? good(structure) : bad(structure)],
    [
      "Signature     ",
      signature === "valid" ? good(signature) : signature === "invalid" ? bad(signature) : "unchecked",
      signature === "unchecked"
        ? ": no key is known; give one with --signing-key, or look it up with --online"
        : signingKey === undefined
          ? ""
          : `, by ${signingKey}${until === undefined ? "" : `, the key until ${until}`}${remembered ? ", which the document does not name any more" : ""}`,
    ],
    ["Completeness  ", completeness === "complete" ? good(completeness) : bad(completeness)],
  ];
}

export function factLines(report: RepoReport): Line[] {
  const { commit, rev, records, blocks, bytes, collections, blobs, strays, duplicates } = report;
  const sorted = Object.entries(collections).sort(([, a], [, b]) => b - a);
  const more = sorted.length - namedCollections;
  const width = Math.max(0, ...sorted.slice(0, namedCollections).map(([, count]) => countText(count).length));
  return [
    ...(commit === undefined ? [] : [["Commit        ", commit]]),
    ...(rev === undefined ? [] : [["Revision      ", rev]]),
    ["Blocks        ", `${countText(blocks)}, ${bytesText(bytes)}`],
    ...(strays === 0 ? [] : [["Strays        ", `${plural(strays, "block")} that nothing leads to`]]),
    ...(duplicates === 0 ? [] : [["Duplicates    ", plural(duplicates, "block")]]),
    ["Blobs         ", `${countText(blobs.referenced)} referred to`],
    ["Records       ", countText(records)],
    ...sorted
      .slice(0, namedCollections)
      .map(([collection, count]): Line => [`  ${countText(count).padStart(width)}  ${collection}`]),
    ...(more > 0 ? [[`  and ${plural(more, "more collection")}`]] : []),
  ];
}

/** What an archive has beside the repository. */
export function archiveLines(archive: ArchiveReport | undefined): Line[] {
  if (archive === undefined) {
    return [];
  }
  const { snapshots, files } = archive;
  const { checked, bytes, unlisted } = archive.blobs;
  const parts = `${plural(snapshots, "snapshot")}, ${plural(files, "file")}; ${plural(checked, "blob")}, ${bytesText(bytes)}`;
  return [
    ["Archive       ", parts],
    ...(unlisted === 0 ? [] : [["Not needed    ", `${plural(unlisted, "blob")} that no snapshot needs`]]),
  ];
}

/** What is said of one archive among many. */
export function summaryLine({ ok, report, key, archive, findings, next }: Summary): Line {
  const { signature, records } = report;
  const parts = `${plural(archive?.snapshots ?? 1, "snapshot")}, ${plural(records, "record")}, ${plural(archive?.blobs.checked ?? 0, "blob")}`;
  const [first] = [...findings].sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
  const where = first === undefined ? "" : [first.key, first.cid].filter((part) => part !== undefined).join(" ");
  const more = findings.length > 1 ? ` and ${countText(findings.length - 1)} more` : "";
  const found = first === undefined ? "" : `${first.rule}${where && ` ${where}`}${more}`;
  return ok
    ? [
        good("good"),
        `: ${parts}${signature === "unchecked" ? "; who signed was not checked" : ""}${key.remembered === true ? "; whose it is, only the archive says" : ""}${found && `; ${found}`}`,
      ]
    : [
        bad("damaged"),
        `: ${found}${next === undefined ? "" : `; to fetch ${isOnlyOlder(findings) ? "what the account still has of that" : "it"} again: ${next}`}`,
      ];
}

interface Summary {
  readonly ok: boolean;
  readonly report: RepoReport;
  readonly key: Pick<SigningKey, "remembered">;
  readonly archive: ArchiveReport | undefined;
  readonly findings: readonly AnyFinding[];
  readonly next: string | undefined;
}

export function findingLines(findings: readonly AnyFinding[]): Line[] {
  if (findings.length === 0) {
    return [];
  }
  const more = findings.length - namedFindings;
  return [
    [],
    [{ text: plural(findings.length, "finding"), style: "bold" }],
    ...findings.slice(0, namedFindings).flatMap((finding) => oneFinding(finding)),
    ...(more > 0 ? [[moreText(more)]] : []),
  ];
}

function oneFinding({ rule, severity, key, cid, message, snapshot }: AnyFinding): Line[] {
  const where = [snapshot === undefined ? undefined : `in ${snapshot}:`, key, cid]
    .filter((part) => part !== undefined)
    .join("  ");
  return [
    [{ text: severity.padEnd(8), style: severity === "error" ? "red" : "yellow" }, `${rule}${where && `  ${where}`}`],
    [`        ${message}`],
  ];
}
