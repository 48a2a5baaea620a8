/**
 * `decamp repo ls|get|unpack|diff` and `decamp blob ls`: looks into a repository. What reads one is loaded once it is
 * open.
 */
import { overLimit, type Limits } from "../../data/budgets.ts";
import { DecampError, exitCodeOf, isDecampError } from "../../errors.ts";
import type { RecordAddress } from "../../repo/record-address.ts";
import type { RepoSource } from "../../repo/source.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { openInput } from "../inputs/repo-input.ts";
import type { Edge, Invocation } from "../command.ts";
import type { LsFlags } from "./declare.ts";
import { readLimits } from "../limit-flags.ts";
import { createList, signs } from "../talk/list.ts";
import { createActivity } from "../talk/reporters/activity.ts";
import { plural } from "../talk/reporters/amounts.ts";
import { stoppable } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";

/** Runs `decamp repo ls`. */
export async function repoLsCommand(invocation: Invocation<LsFlags>, { terminal }: Edge): Promise<number> {
  const wanted = invocation.flags.collection === undefined ? undefined : new Set(invocation.flags.collection);
  return withRepo(invocation, terminal, async ({ source, globals, signal }) => {
    const { recordsInTurns } = await import("../../repo/records.ts");
    const list = createList(terminal.out, globals.json ? { command: "repo ls", name: "records" } : undefined);
    for await (const { path, collection, cid } of recordsInTurns(source, { signal })) {
      if (wanted === undefined || wanted.has(collection)) {
        if (!(await list.add(`${path} ${cid}`, { path, cid }))) {
          break;
        }
      }
    }
    list.end();
  });
}

/** Runs `decamp repo get`. */
export async function repoGetCommand(invocation: Invocation, { terminal }: Edge): Promise<number> {
  const [, record = ""] = invocation.args;
  const address = (await import("../../repo/record-address.ts")).parseRecordAddress(record);
  const { path } = address;
  return withRepo(invocation, terminal, async ({ source, globals, limits, signal }) => {
    const [{ recordsInTurns }, { recordJson }, { hasMoreValues }] = await Promise.all([
      import("../../repo/records.ts"),
      import("../../archive/unpack.ts"),
      import("../../data/cbor-count.ts"),
    ]);
    const notes = await compareAuthority(address, source, signal);
    for await (const found of recordsInTurns(source, { signal })) {
      if (found.path < path) {
        continue;
      }
      if (found.path > path) {
        break;
      }
      if (hasMoreValues(found.bytes, limits.jsonValues)) {
        throw overLimit("jsonValues", `The record ${path} has`, limits.jsonValues, "values");
      }
      const { json, fault } = recordJson(found, globals.json ? 0 : 2);
      if (json === undefined) {
        throw new DecampError("damaged", `The record ${path} has no JSON form. ${fault ?? ""}`.trimEnd(), {
          data: { path, cid: found.cid },
          hint: "Run decamp verify to see all that is wrong with the repository.",
        });
      }
      if (fault !== undefined) {
        notes.push(
          `This record breaks the data model: ${fault} What JSON has no form for is marked, as in {"$float": 1.5}.`,
        );
      }
      const extra = [
        ...(fault === undefined ? [] : [`,"fault":${JSON.stringify(fault)}`]),
        ...(notes.length === 0 ? [] : [`,"notes":${JSON.stringify(notes)}`]),
      ].join("");
      terminal.out.jsonText(
        globals.json
          ? `{"type":"result","version":1,"command":"repo get","path":${JSON.stringify(path)},"cid":"${found.cid}"${extra},"value":${json}}`
          : json,
      );
      for (const note of globals.quiet || globals.json ? [] : notes) {
        terminal.err.line({ text: "Note:", style: "yellow" }, ` ${note}`);
      }
      return;
    }
    throw new DecampError("usage", `There is no record ${path} in this repository.`, {
      hint: "decamp repo ls shows all paths.",
    });
  });
}

/**
 * Whether the repository is that of the account which the address names.
 *
 * @returns what cannot be told without the network
 * @throws DecampError `usage` if it is another one's
 */
async function compareAuthority(
  { authority }: RecordAddress,
  source: RepoSource,
  signal: AbortSignal,
): Promise<string[]> {
  if (authority === undefined) {
    return [];
  }
  const { readDid } = await import("../../repo/head.ts");
  const did = await readDid(source, signal);
  if (authority.type === "did" && authority.name !== did) {
    const whose = did === undefined ? "names no account" : `is that of ${did}`;
    throw new DecampError("usage", `The address is one of ${authority.name}, and this repository ${whose}.`, {
      hint: "To get the record at this path all the same, leave out at:// and the account.",
      data: { wanted: authority.name, ...(did === undefined ? {} : { did }) },
    });
  }
  return authority.type === "did"
    ? []
    : [`Whether ${authority.name} is ${did ?? "the account of this repository"} was not looked up.`];
}

/** Runs `decamp repo unpack`. Exit code 6 if records were left out. */
export async function repoUnpackCommand(invocation: Invocation, { terminal }: Edge): Promise<number> {
  const [, folder = ""] = invocation.args;
  let complete = true;
  const exitCode = await withRepo(invocation, terminal, async ({ source, globals, limits, signal }) => {
    const [{ unpackRecords }, { createNewFolder }] = await Promise.all([
      import("../../archive/unpack.ts"),
      import("../../services/disk/new-folder.ts"),
    ]);
    const activity = createActivity(terminal, "Writing the records", globals);
    const { records, marked, unreadable, oversized } = await unpackRecords(source, await createNewFolder(folder), {
      signal,
      jsonValues: limits.jsonValues,
      onProgress: (done) => activity.progress({ unit: "records", done }),
    }).finally(() => activity.close());
    complete = unreadable.length + oversized.length === 0;
    if (globals.json) {
      const facts = { folder, records, marked, unreadable, ...(oversized.length === 0 ? {} : { oversized }) };
      terminal.out.json({ type: "result", version: 1, command: "repo unpack", ...facts });
      return;
    }
    for (const path of oversized) {
      const { message, hint } = overLimit("jsonValues", `${path} has`, limits.jsonValues, "values");
      terminal.err.line({ text: "Left out:", style: "yellow" }, ` ${message} ${hint}`);
    }
    for (const path of unreadable) {
      terminal.err.line({ text: "Left out:", style: "yellow" }, ` ${path} has no form in JSON.`);
    }
    if (!globals.quiet) {
      for (const path of marked) {
        terminal.err.line({ text: "Marked:", style: "yellow" }, ` ${path} breaks the data model, and shows where.`);
      }
      terminal.err.line(`${plural(records, "record")} written to ${folder}`);
    }
  });
  return complete ? exitCode : exitCodeOf("incomplete");
}

/** Runs `decamp repo diff`. */
export async function repoDiffCommand(invocation: Invocation, { terminal }: Edge): Promise<number> {
  const [before = "", after = ""] = invocation.args;
  if (before === "-" && after === "-") {
    throw new DecampError("usage", "Only one of the two can be the standard input.");
  }
  const compare = async ({ source, globals, limits, signal }: Opened): Promise<void> => {
    await requireCar(before, source);
    const other = await openInput(after, terminal, { signal, limits });
    try {
      await requireCar(after, other.source);
      const { diffInTurns } = await import("../../repo/diff.ts");
      const list = createList(terminal.out, globals.json ? { command: "repo diff", name: "changes" } : undefined);
      for await (const change of diffInTurns(source, other.source, { signal })) {
        const { kind, path, ...cids } = change;
        if (!(await list.add([signs[kind], path, ...Object.values(cids)].join(" "), change))) {
          break;
        }
      }
      list.end();
    } finally {
      other.close();
    }
  };
  return withRepo(invocation, terminal, compare, false);
}

/** Runs `decamp blob ls`. Exit code 6 if records cannot be read to their end, so that the list may lack something. */
export async function blobLsCommand(invocation: Invocation, { terminal }: Edge): Promise<number> {
  const unknown: string[] = [];
  const exitCode = await withRepo(invocation, terminal, async ({ source, globals, signal }) => {
    const { blobRefsInTurns } = await import("../../repo/records.ts");
    const list = createList(terminal.out, globals.json ? { command: "blob ls", name: "blobs" } : undefined);
    const blobs = await blobRefsInTurns(source, { signal, onUnknown: ({ path }) => unknown.push(path) });
    for (const [cid, { mimeType, size, records }] of blobs) {
      const known = size < 0 ? undefined : size;
      const line = `${cid} ${known ?? "-"} ${mimeType.replaceAll(/\s/g, "") || "-"} ${records.join(" ")}`;
      if (!(await list.add(line, { cid, ...(known === undefined ? {} : { size: known }), mimeType, records }))) {
        break;
      }
    }
    list.end(unknown.length === 0 ? {} : { unreadRecords: unknown });
    for (const path of globals.json ? [] : unknown) {
      terminal.err.line(
        { text: "Not known:", style: "yellow" },
        ` ${path} cannot be read to its end, and may need more blobs.`,
      );
    }
  });
  return unknown.length === 0 ? exitCode : exitCodeOf("incomplete");
}

interface Opened {
  readonly source: RepoSource;
  readonly globals: GlobalFlags;
  readonly limits: Limits;
  readonly signal: AbortSignal;
}

/** The same error, and which file it is about. */
function about(path: string, error: unknown): unknown {
  if (!isDecampError(error, "damaged")) {
    return error;
  }
  const { code, message, hint, data } = error;
  const name = path === "-" ? "the standard input" : path;
  return new DecampError(code, `${name}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`, {
    hint,
    data,
    cause: error,
  });
}

/** @throws DecampError `damaged` for what is no CAR file with a root, with the name of the file */
async function requireCar(path: string, source: RepoSource): Promise<void> {
  const { readRoot } = await import("../../repo/block-index.ts");
  try {
    readRoot(source);
  } catch (error) {
    throw about(path, error);
  }
}

/**
 * Opens the first argument, works on it, and closes it.
 *
 * @param isOne whether it is the only file: then it is the one that an error is about
 */
async function withRepo(
  { args, globals: raw }: Invocation,
  terminal: Terminal,
  work: (opened: Opened) => void | Promise<void>,
  isOne = true,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [path = ""] = args;
  const limits = readLimits(globals.limit);
  await stoppable(
    async (signal) => {
      const file = await openInput(path, terminal, { signal, limits });
      try {
        await work({ source: file.source, globals, limits, signal });
      } catch (error) {
        throw isOne ? about(path, error) : error;
      } finally {
        file.close();
      }
    },
    () => undefined,
  );
  return 0;
}
