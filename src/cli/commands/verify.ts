/** `decamp verify`: proves a repository, and says what is wrong with it. */
import type { SigningKey } from "../../archive/signing-keys.ts";
import { DecampError } from "../../errors.ts";
import { parseDidKey } from "../../identity/keys.ts";
import type { Finding, RepoReport } from "../../repo/report.ts";
import { verifyRepo, type Expectation } from "../../repo/verify.ts";
import type { VerifyFlags } from "../declare/verify.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { openInput } from "../input.ts";
import type { Edge, Invocation } from "../invocation.ts";
import { readLimits } from "../limits.ts";
import { createActivity } from "../reporters/activity.ts";
import { bytesText, countText, plural } from "../reporters/amounts.ts";
import { stoppable } from "../signals.ts";
import type { Piece, Terminal } from "../terminal.ts";

type Line = readonly Piece[];

/** So many findings are named on the screen; `--json` has them all. */
const namedFindings = 100;
/** So many collections, the largest first. */
const namedCollections = 10;

const damagedExit = new DecampError("damaged", "").exitCode;

/** Runs `decamp verify`. Exit code 3 if one of the three answers is bad. */
export async function verifyCommand(
  { args, flags, globals: raw }: Invocation<"verify">,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [path = ""] = args;
  const limits = readLimits(flags.limit);
  const expectation = await readExpectation(flags);
  const { report, keys } = await stoppable(
    async (signal) => {
      const file = await openInput(path, terminal);
      const prove = (expected: Expectation): Promise<RepoReport> => {
        const activity = createActivity(terminal, "Proving the repository", globals);
        return verifyRepo(file.source, expected, {
          signal,
          limits,
          onProgress: ({ bytes }) => activity.progress({ unit: "bytes", done: bytes, total: file.size }),
        }).finally(() => activity.close());
      };
      try {
        if (flags.online !== true) {
          return { report: await prove(expectation), keys: [] };
        }
        // Whose keys are needed may stand only in the repository.
        const first = expectation.did === undefined ? await prove(expectation) : undefined;
        const did = expectation.did ?? first?.did;
        if (did === undefined) {
          return { report: first ?? (await prove(expectation)), keys: [] };
        }
        const keys = await lookUpKeys(did, globals, terminal, signal);
        const signingKeys = [...(expectation.signingKeys ?? []), ...keys.map(({ didKey }) => didKey)];
        return { report: await prove({ ...expectation, did, signingKeys }), keys };
      } finally {
        file.close();
      }
    },
    () => undefined,
  );
  const until = keys.find(({ didKey }) => didKey === report.signingKey)?.until;
  if (globals.json) {
    const when = until === undefined ? {} : { signingKeyUntil: until };
    terminal.out.json({ type: "result", version: 1, command: "verify", ...report, ...when });
  } else {
    const facts = globals.quiet ? [] : factLines(report);
    for (const line of [...verdictLines(report, until), ...facts, ...findingLines(report)]) {
      terminal.out.line(...line);
    }
  }
  return report.ok ? 0 : damagedExit;
}

async function readExpectation({ did, signingKey, allowPartial }: VerifyFlags): Promise<Expectation> {
  // Loaded only when it is needed: most runs are over before that would be.
  if (did !== undefined && !(await import("../../identity/syntax.ts")).isDid(did)) {
    throw new DecampError("usage", `--did: ${did} is no DID.`, {
      hint: "It looks like did:plc:ewvi7nxzyoun6zhxrhs64oiz.",
    });
  }
  return {
    now: Date.now(),
    ...(did === undefined ? {} : { did }),
    ...(signingKey === undefined ? {} : { signingKeys: [checkKey(signingKey)] }),
    ...(allowPartial === undefined ? {} : { allowPartial }),
  };
}

/** The network is loaded only here. */
async function lookUpKeys(
  did: string,
  globals: GlobalFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<SigningKey[]> {
  const [{ parseServerUrl }, { openHttp }, { createPlcDirectory }, { fetchWebDocument }, { fetchSigningKeys }] =
    await Promise.all([
      import("../../identity/syntax.ts"),
      import("../http.ts"),
      import("../../services/plc-directory.ts"),
      import("../../services/did-web.ts"),
      import("../../archive/signing-keys.ts"),
    ]);
  const origin = parseServerUrl(globals.plcUrl, globals);
  const http = openHttp(globals, terminal);
  try {
    const directory = createPlcDirectory(http, origin);
    return await fetchSigningKeys(
      did,
      {
        auditLog: (plcDid, stop) => directory.auditLog(plcDid, stop),
        webDocument: (webDid, stop) => fetchWebDocument(http, webDid, stop),
      },
      signal,
    );
  } finally {
    await http.close();
  }
}

/** @throws DecampError `usage` for what is no did:key of a curve that is known */
function checkKey(text: string): string {
  try {
    return parseDidKey(text).didKey;
  } catch (error) {
    throw new DecampError("usage", `--signing-key: ${text} is no signing key.`, {
      hint: "Give a did:key of curve k256 or p256, such as the DID document names.",
      cause: error,
    });
  }
}

const good = (text: string): Piece => ({ text, style: "green" });
const bad = (text: string): Piece => ({ text, style: "red" });

function verdictLines(report: RepoReport, until: string | undefined): Line[] {
  const { structure, signature, completeness, signingKey } = report;
  const whose = report.did === undefined ? "This" : `The repository of ${report.did}`;
  const verdict = report.ok
    ? signature === "unchecked"
      ? good(`${whose} is well-formed and ${completeness}. Who signed it was not checked.`)
      : good(`${whose} is genuine and ${completeness}.`)
    : bad(`${whose} is not a valid repository.`);
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
          : `, by ${signingKey}${until === undefined ? "" : `, the key until ${until}`}`,
    ],
    ["Completeness  ", completeness === "complete" ? good(completeness) : bad(completeness)],
  ];
}

function factLines(report: RepoReport): Line[] {
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

function findingLines({ findings }: RepoReport): Line[] {
  if (findings.length === 0) {
    return [];
  }
  const more = findings.length - namedFindings;
  return [
    [],
    [{ text: plural(findings.length, "finding"), style: "bold" }],
    ...findings.slice(0, namedFindings).flatMap((finding) => oneFinding(finding)),
    ...(more > 0 ? [[`and ${countText(more)} more; --json names them all`]] : []),
  ];
}

function oneFinding({ rule, severity, key, cid, message }: Finding): Line[] {
  const where = [key, cid].filter((part) => part !== undefined).join("  ");
  return [
    [{ text: severity.padEnd(8), style: severity === "error" ? "red" : "yellow" }, `${rule}${where && `  ${where}`}`],
    [`        ${message}`],
  ];
}
