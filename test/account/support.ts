/** Services for tests of work on an identity: a directory in memory, a clock that stands still, heads in memory. */
import type { LogServices } from "../../src/account/services.ts";
import type { SeenHead } from "../../src/services/disk/seen-heads.ts";

/** Every reading of a log takes the next of `logs`; the last one stays. */
export function logServices(logs: readonly unknown[], seen: Record<string, string> = {}) {
  const heads = new Map(
    Object.entries(seen).map(([did, cid]): [string, SeenHead] => [
      did,
      { did, cid, seenAt: "2026-01-05T12:00:00.000Z" },
    ]),
  );
  let reads = 0;
  let waits = 0;
  const services: LogServices = {
    directory: {
      origin: "https://plc.example.com",
      auditLog: () => Promise.resolve(logs[Math.min(reads++, logs.length - 1)]),
      document: () => Promise.reject(new Error("no test asks for a document")),
      exported: () => Promise.reject(new Error("no test asks for the list of operations")),
      submit: () => Promise.reject(new Error("no test submits to the directory")),
    },
    heads: {
      recall: (did) => Promise.resolve(heads.get(did)),
      remember: (head) => {
        heads.set(head.did, head);
        return Promise.resolve();
      },
      place: (did) => `/heads/${did}`,
    },
    now: () => Date.UTC(2026, 0, 6),
    sleep: () => {
      waits += 1;
      return Promise.resolve();
    },
  };
  return { services, heads, reads: () => reads, waits: () => waits };
}

export const forever: AbortSignal = new AbortController().signal;
