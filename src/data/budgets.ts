/**
 * What decamp takes from outside before it gives up: the one table of it. `docs/LIMITS.md` shows it, and a test
 * compares the two. Whoever exceeds a limit is told its number, and where a person may honestly need more, the flag
 * that raises it.
 */
import { DecampError } from "../errors.ts";

/** What a limit counts. Times are in milliseconds. */
type Unit = "bytes" | "number" | "time";

export interface Budget {
  /** Its default. */
  readonly most: number;
  readonly unit: Unit;
  /** Whether `--limit` raises it. */
  readonly flag: boolean;
  /** How far it can be raised, where there is an end. */
  readonly ceiling?: number;
  /** What it bounds, as the page says it. */
  readonly bounds: string;
}

/** The name of a limit; docs/LIMITS.md says what each one bounds. */
export type BudgetName =
  | "blobBytes"
  | "blobExcess"
  | "repoBytes"
  | "strayBytes"
  | "commitBytes"
  | "jsonBytes"
  | "documentBytes"
  | "errorBytes"
  | "handleBytes"
  | "jsonDepth"
  | "jsonValues"
  | "fileBytes"
  | "configBytes"
  | "listPages"
  | "listEmptyPages"
  | "listEntries"
  | "listRepeats"
  | "entryLength"
  | "cursorLength"
  | "logBytes"
  | "logOperations"
  | "operationBytes"
  | "operationEntries"
  | "httpHeaderBytes"
  | "redirects"
  | "attempts"
  | "connectTime"
  | "answerTime"
  | "importTime"
  | "idleTime"
  | "smallBodyTime"
  | "paceTime"
  | "paceBytes"
  | "longestWait"
  | "believedWait"
  | "headerBytes"
  | "blockBytes"
  | "nodeEntries"
  | "recordDepth"
  | "indexEntries"
  | "heldBytes"
  | "findings"
  | "packedWindow"
  | "packedRatio";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const second = 1000;

export const budgets: Readonly<Record<BudgetName, Budget>> = {
  // What a server sends, as a stream.
  blobBytes: raisable(2 * GiB, "bytes", "one blob"),
  blobExcess: raisable(16 * MiB, "bytes", "one blob, beyond the size that its record states"),
  repoBytes: raisable(
    4 * GiB,
    "bytes",
    "one answer that holds a repository, and a CAR from a pipe or the standard input",
  ),
  strayBytes: raisable(
    16 * MiB,
    "bytes",
    "what comes behind a repository that is complete, beyond as much again as it has; and from a pipe, behind where it is no CAR",
  ),
  commitBytes: fixed(64 * KiB, "bytes", "one commit that is asked for alone"),

  // What it answers in JSON, and in other small forms.
  jsonBytes: fixed(
    8 * MiB,
    "bytes",
    "an answer in JSON that is none of those below: sessions, preferences, pages of lists",
  ),
  documentBytes: fixed(1 * MiB, "bytes", "a DID document"),
  errorBytes: fixed(1 * MiB, "bytes", "what goes with a refusal; of more, nothing is read"),
  handleBytes: fixed(4 * KiB, "bytes", "what the well-known address of a handle answers"),
  jsonDepth: fixed(100, "number", "levels of lists and objects in JSON from outside"),
  jsonValues: raisable(
    250_000,
    "number",
    "values in JSON from outside, and of a record that is written as JSON; for a file it is not raised",
  ),
  fileBytes: fixed(32 * MiB, "bytes", "JSON in a file that is named, or that comes on the standard input"),
  configBytes: fixed(64 * KiB, "bytes", "the configuration file"),

  // Lists that come in pages.
  listPages: fixed(10_000, "number", "pages of a list"),
  listEmptyPages: fixed(100, "number", "pages in a row without an entry"),
  listEntries: fixed(5_000_000, "number", "entries of a list"),
  listRepeats: fixed(1000, "number", "entries of a list that it had already"),
  entryLength: fixed(2048, "number", "letters of an entry, also of a list of accounts in a file: the longest DID"),
  cursorLength: fixed(8 * KiB, "number", "letters of the name of a page"),

  // The log of an identity. All of these are looked at before any signature is.
  logBytes: raisable(16 * MiB, "bytes", "an audit log"),
  logOperations: raisable(5000, "number", "operations of a log"),
  operationBytes: raisable(7500, "bytes", "one operation, as it is signed and stored"),
  operationEntries: raisable(10, "number", "rotation keys of an operation; verification methods; names; services"),

  // HTTP.
  httpHeaderBytes: fixed(16 * KiB, "bytes", "the head of an answer"),
  redirects: fixed(3, "number", "redirects that are followed, where one is at all"),
  attempts: fixed(4, "number", "times that a request is sent which may be repeated"),

  // Time.
  connectTime: fixed(15 * second, "time", "until there is a connection"),
  answerTime: fixed(60 * second, "time", "from the last byte that was sent to the head of the answer"),
  importTime: fixed(7200 * second, "time", "the same, while a server imports a repository"),
  idleTime: fixed(60 * second, "time", "between two pieces of what is sent or comes"),
  smallBodyTime: fixed(120 * second, "time", "all of an answer that is no stream"),
  paceTime: fixed(120 * second, "time", "of waiting for a stream in which it has to bring `pace-bytes`"),
  paceBytes: fixed(16 * KiB, "bytes", "that have to come in `pace-time`: less is no progress"),
  longestWait: fixed(
    330 * second,
    "time",
    "of waiting that a server may ask for; if it asks for more, the run ends and says until when",
  ),
  believedWait: fixed(
    366 * 86_400 * second,
    "time",
    "of waiting that is believed, and told; what is more counts as this",
  ),

  // What a repository may ask of the machine.
  headerBytes: raisable(1 * MiB, "bytes", "the CAR header"),
  blockBytes: raisable(5 * MiB, "bytes", "one block"),
  nodeEntries: raisable(1024, "number", "entries of one node. An honest tree of any size stays below 128"),
  recordDepth: {
    ...raisable(32, "number", "how deep maps and lists of a record nest before it is reported; at most 1024"),
    ceiling: 1024,
  },
  indexEntries: raisable(
    20_000_000,
    "number",
    "entries of the index of blocks that are awaited, or that came before they were wanted (about 60 bytes each)",
  ),
  heldBytes: raisable(256 * MiB, "bytes", "blocks that are held in memory where the data cannot be read again"),
  findings: raisable(100_000, "number", "findings that a report lists"),

  // What a compressed repository may ask of whoever unpacks it.
  packedWindow: {
    ...raisable(8 * MiB, "bytes", "the window of a compressed CAR file: memory that unpacking takes; at most 128 MiB"),
    ceiling: 128 * MiB,
  },
  packedRatio: raisable(
    100,
    "number",
    "times as large as a compressed CAR file that what it unpacks to may be. What would be more is archived as it is",
  ),
};

function raisable(most: number, unit: Unit, bounds: string): Budget {
  return { most, unit, flag: true, bounds };
}

function fixed(most: number, unit: Unit, bounds: string): Budget {
  return { most, unit, flag: false, bounds };
}

/** All names, in the order of the page. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys does not know its argument's keys
export const budgetNames: readonly BudgetName[] = Object.keys(budgets) as BudgetName[];

/** The limits that hold in a run. */
export type Limits = Readonly<Record<BudgetName, number>>;

export const defaultBudgets: Limits = limitsWith();

/** The limits, with some of them raised or lowered. */
export function limitsWith(changed: Partial<Limits> = {}): Limits {
  const limits: Partial<Record<BudgetName, number>> = {};
  for (const name of budgetNames) {
    limits[name] = changed[name] ?? budgets[name].most;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop has set every one
  return limits as Limits;
}

/** How a limit is called on the command line and on the page: `blockBytes` → `block-bytes`. */
export function limitName(limit: BudgetName): string {
  return limit.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The end of a sentence that says how a limit is raised. */
export function howToRaise(limit: BudgetName): string {
  return `If you trust where this comes from, raise the limit with --limit ${limitName(limit)}=NUMBER.`;
}

/**
 * The error for what is more than a limit allows: it names the number, and how that is raised where it can be.
 *
 * @param what what was too much, up to "more than"
 * @param most the limit, in its unit
 * @param unit what is counted, in the plural
 */
export function overLimit(limit: BudgetName, what: string, most: number, unit: string): DecampError {
  const { flag } = budgets[limit];
  return new DecampError(flag ? "limit-exceeded" : "bad-answer", `${what} more than ${most} ${unit}.`, {
    ...(flag ? { hint: howToRaise(limit) } : {}),
    data: { limit: limitName(limit), most },
  });
}
