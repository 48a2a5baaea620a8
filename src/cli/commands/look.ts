/** `decamp repo ls|get|unpack|diff` and `decamp blob ls`: looks into a repository. */
import { recordJson, unpackRecords } from "../../archive/unpack.ts";
import { DecampError, exitCodeOf } from "../../errors.ts";
import { diffInTurns } from "../../repo/diff.ts";
import { blobRefsInTurns, recordsInTurns } from "../../repo/records.ts";
import type { RepoSource } from "../../repo/source.ts";
import { createNewFolder } from "../../services/new-folder.ts";
import { readGlobals, type GlobalFlags } from "../globals.ts";
import { openInput } from "../input.ts";
import type { Edge, Invocation, Typed } from "../invocation.ts";
import { createList, signs } from "../list.ts";
import { createActivity } from "../reporters/activity.ts";
import { plural } from "../reporters/amounts.ts";
import { stoppable } from "../signals.ts";
import type { Terminal } from "../terminal.ts";

/** Runs `decamp repo ls`. */
export async function repoLsCommand(invocation: Invocation<"repo ls">, { terminal }: Edge): Promise<number> {
  const wanted = invocation.flags.collection === undefined ? undefined : new Set(invocation.flags.collection);
  return withRepo(invocation, terminal, async ({ source, globals, signal }) => {
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
export async function repoGetCommand(invocation: Invocation<"repo get">, { terminal }: Edge): Promise<number> {
  const [, record = ""] = invocation.args;
  const path = record.replace(/^at:\/\/[^/]+\//, "");
  return withRepo(invocation, terminal, async ({ source, globals, signal }) => {
    for await (const found of recordsInTurns(source, { signal })) {
      if (found.path < path) {
        continue;
      }
      if (found.path > path) {
        break;
      }
      const json = recordJson(found.bytes, globals.json ? 0 : 2);
      if (json === undefined) {
        throw new DecampError("damaged", `The record ${path} is not canonical DAG-CBOR, so it has no JSON form.`, {
          data: { path, cid: found.cid },
          hint: "Run decamp verify to see all that is wrong with the repository.",
        });
      }
      terminal.out.jsonText(
        globals.json
          ? `{"type":"result","version":1,"command":"repo get","path":${JSON.stringify(path)},"cid":"${found.cid}","value":${json}}`
          : json,
      );
      return;
    }
    throw new DecampError("usage", `There is no record ${path} in this repository.`, {
      hint: "decamp repo ls shows all paths.",
    });
  });
}

/** Runs `decamp repo unpack`. Exit code 6 if records had to be left out. */
export async function repoUnpackCommand(invocation: Invocation<"repo unpack">, { terminal }: Edge): Promise<number> {
  const [, folder = ""] = invocation.args;
  let complete = true;
  const exitCode = await withRepo(invocation, terminal, async ({ source, globals, signal }) => {
    const activity = createActivity(terminal, "Writing the records", globals);
    const { records, unreadable } = await unpackRecords(source, await createNewFolder(folder), {
      signal,
      onProgress: (done) => activity.progress({ unit: "records", done }),
    }).finally(() => activity.close());
    complete = unreadable.length === 0;
    if (globals.json) {
      terminal.out.json({ type: "result", version: 1, command: "repo unpack", folder, records, unreadable });
      return;
    }
    for (const path of unreadable) {
      terminal.err.line({ text: "Left out:", style: "yellow" }, ` ${path} is not canonical DAG-CBOR.`);
    }
    if (!globals.quiet) {
      terminal.err.line(`${plural(records, "record")} written to ${folder}`);
    }
  });
  return complete ? exitCode : exitCodeOf("incomplete");
}

/** Runs `decamp repo diff`. */
export async function repoDiffCommand(invocation: Invocation<"repo diff">, { terminal }: Edge): Promise<number> {
  const [before = "", after = ""] = invocation.args;
  if (before === "-" && after === "-") {
    throw new DecampError("usage", "Only one of the two can be the standard input.");
  }
  return withRepo(invocation, terminal, async ({ source, globals, signal }) => {
    const other = await openInput(after, terminal);
    try {
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
  });
}

/** Runs `decamp blob ls`. */
export async function blobLsCommand(invocation: Invocation<"blob ls">, { terminal }: Edge): Promise<number> {
  return withRepo(invocation, terminal, async ({ source, globals, signal }) => {
    const list = createList(terminal.out, globals.json ? { command: "blob ls", name: "blobs" } : undefined);
    for (const [cid, { mimeType, size, records }] of await blobRefsInTurns(source, { signal })) {
      const known = size < 0 ? undefined : size;
      const line = `${cid} ${known ?? "-"} ${mimeType.replaceAll(/\s/g, "") || "-"} ${records.join(" ")}`;
      if (!(await list.add(line, { cid, ...(known === undefined ? {} : { size: known }), mimeType, records }))) {
        break;
      }
    }
    list.end();
  });
}

interface Opened {
  readonly source: RepoSource;
  readonly globals: GlobalFlags;
  readonly signal: AbortSignal;
}

/** Opens the first argument, works on it, and closes it. */
async function withRepo(
  { args, globals: raw }: Typed,
  terminal: Terminal,
  work: (opened: Opened) => void | Promise<void>,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [path = ""] = args;
  await stoppable(
    async (signal) => {
      const file = await openInput(path, terminal);
      try {
        await work({ source: file.source, globals, signal });
      } finally {
        file.close();
      }
    },
    () => undefined,
  );
  return 0;
}
