/** What a repository may ask of the machine. All limits can be raised; each finding about one says how. */
export interface RepoLimits {
  /** Bytes of the CAR header. */
  headerBytes: number;
  /** Bytes of one block. */
  blockBytes: number;
  /** Entries of one node. An honest tree of any size stays below 128. */
  nodeEntries: number;
  /** How deep maps and lists of a record nest before the record is reported; at most 1024. */
  recordDepth: number;
  /** Entries of the index of blocks that are awaited, or that came before they were wanted (about 60 bytes each). */
  indexEntries: number;
  /** Bytes of blocks that are held in memory where the data cannot be read again. */
  heldBytes: number;
  /** Findings that a report lists. */
  findings: number;
}

export const defaultLimits: Readonly<RepoLimits> = {
  headerBytes: 1 << 20,
  blockBytes: 5 << 20,
  nodeEntries: 1024,
  recordDepth: 32,
  indexEntries: 20_000_000,
  heldBytes: 256 << 20,
  findings: 100_000,
};

/** How a limit is called on the command line: `blockBytes` → `block-bytes`. */
export function limitName(limit: keyof RepoLimits): string {
  return limit.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The end of a sentence that says how a limit is raised. */
export function howToRaise(limit: keyof RepoLimits): string {
  return `If you trust where this comes from, raise the limit with --limit ${limitName(limit)}=NUMBER.`;
}
