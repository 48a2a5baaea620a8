/**
 * What an export needs in any case is asked for before its turn: on a long way to a server, answers that are waited for
 * one after another are most of the time that a small account takes.
 */

import type { Download } from "../../services/servers/pds.ts";
import { listSnapshots } from "../manifest.ts";
import type { ExportSource, Head } from "./export-options.ts";

/**
 * Sends the first requests of an export. For that it need not be known yet what the account is signed with.
 *
 * @throws DecampError `storage`
 */
export async function askAhead(
  archive: string,
  source: Pick<ExportSource, "pds" | "did">,
  signal: AbortSignal,
): Promise<Ahead> {
  const isNew = (await listSnapshots(archive)).length === 0;
  const ahead = new Ahead(source, signal);
  if (isNew) {
    // Whatever the head is, all of it is needed.
    ahead.askRepo();
  }
  return ahead;
}

/** Made once: an error takes longer than all else that is done here. */
const givenUp = new DOMException("The export has ended.", "AbortError");

/** Requests of one export that were sent early. To be closed by the code that makes it. */
export class Ahead {
  /** The head of the repository, which is always asked for. Rejects as `Pds.statedHead`. */
  readonly head: Promise<Head>;
  readonly #source: Pick<ExportSource, "pds" | "did">;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  #repo: Promise<Download> | undefined;
  #blobs: AsyncIterable<string> | undefined;

  constructor(source: Pick<ExportSource, "pds" | "did">, signal: AbortSignal) {
    this.#source = source;
    this.#signal = AbortSignal.any([signal, this.#closed.signal]);
    this.head = source.pds.statedHead(source.did, this.#signal);
    ignore(this.head);
  }

  /** Whose account it is about. */
  get did(): string {
    return this.#source.did;
  }

  /** Asks for the whole repository. */
  askRepo(): void {
    this.#repo = this.#source.pds.getRepo(this.#source.did, this.#signal);
    ignore(this.#repo);
  }

  /** Whether it was asked for, and not taken yet. */
  get bringsRepo(): boolean {
    return this.#repo !== undefined;
  }

  /** The repository that was asked for, to be had once; undefined if there is none. Rejects as `Pds.getRepo`. */
  takeRepo(): Promise<Download> | undefined {
    const repo = this.#repo;
    this.#repo = undefined;
    return repo;
  }

  /** Asks for the first page of the list of blobs, unless that was done. */
  askBlobs(): void {
    this.#blobs ??= begun(this.#source.pds.listBlobs(this.#source.did, this.#signal));
  }

  /** The list of blobs, to be gone through once; asked for now, if it was not before. Throws as `Pds.listBlobs`. */
  takeBlobs(): AsyncIterable<string> {
    this.askBlobs();
    const blobs = this.#blobs!;
    this.#blobs = undefined;
    return blobs;
  }

  /** Gives up what is under way. */
  close(): void {
    this.#closed.abort(givenUp);
  }
}

/** The same items, with the first one asked for at once. */
function begun<T>(items: AsyncGenerator<T>): AsyncIterable<T> {
  const first = items.next();
  ignore(first);
  return {
    async *[Symbol.asyncIterator]() {
      for (let next = await first; next.done !== true; next = await items.next()) {
        yield next.value;
      }
    },
  };
}

/** Keeps a rejection that nobody waits for from ending the process. An `await` of the promise still throws it. */
function ignore(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}
