/** `decamp archive diff`: what has changed between two snapshots. */
import { refuseFile } from "../../archive/no-archive.ts";
import { compareBlobs, compareFiles, compareRecords } from "../../archive/compare-snapshots.ts";
import { openSnapshot, type OpenSnapshot } from "../../archive/open.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { createList, signs } from "../talk/list.ts";
import { stoppable } from "../talk/signals.ts";

/** Runs `decamp archive diff`. */
export async function archiveDiffCommand(invocation: Invocation, { terminal }: Edge): Promise<number> {
  const globals = readGlobals(invocation.globals, terminal.env);
  const [from = "", to = ""] = invocation.args;
  await stoppable(
    async (signal) => {
      await refuseFile(from);
      await refuseFile(to);
      const before = await openSnapshot(from);
      const after = await openSnapshot(to);
      const list = createList(terminal.out, globals.json ? { command: "archive diff", name: "changes" } : undefined);
      for await (const line of changes(before, after, signal)) {
        if (!(await list.add(line.text, line.value))) {
          break;
        }
      }
      list.end();
    },
    () => undefined,
  );
  return 0;
}

async function* changes(
  before: OpenSnapshot,
  after: OpenSnapshot,
  signal: AbortSignal,
): AsyncGenerator<{ text: string; value: object }> {
  for (const change of compareFiles(before, after)) {
    yield { text: `${signs[change.kind]} ${change.name}`, value: { what: "file", ...change } };
  }
  for await (const change of compareRecords(before, after, signal)) {
    const { kind, path, ...cids } = change;
    yield { text: [signs[kind], path, ...Object.values(cids)].join(" "), value: { what: "record", ...change } };
  }
  for (const { kind, name } of compareBlobs(before, after)) {
    yield { text: `${signs[kind]} blob ${name}`, value: { what: "blob", kind, cid: name } };
  }
}
