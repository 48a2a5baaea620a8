/** Looks at the bytes of a CAR file while they pass: whether it can still be told where the next block starts. */
import { BlockStream, type BlockReceiver } from "./block-stream.ts";
import { defaultLimits, type RepoLimits } from "../limits.ts";
import { Findings } from "../report.ts";
import { Window } from "./window.ts";

/** What the blocks hold is for whoever proves the file. */
const passOver: BlockReceiver = { header: () => undefined, block: () => undefined, rawBlock: () => undefined };

export class FrameWatch {
  readonly #stream: BlockStream;
  #lostAt: number | undefined;

  constructor(changed: Partial<RepoLimits> = {}) {
    const limits = { ...defaultLimits, ...changed };
    // What is wrong with single blocks is not of interest here.
    this.#stream = new BlockStream(new Window(), passOver, limits, new Findings({ ...limits, findings: 0 }));
  }

  /** Takes note of the next bytes. */
  look(bytes: Uint8Array): void {
    if (this.#lostAt === undefined) {
      this.#stream.write(bytes);
      this.#lostAt = this.#stream.stopped ? this.#stream.bytes : undefined;
    }
  }

  /** So many bytes had come when it was clear that nothing further can be read; undefined as long as that is not so. */
  get lostAt(): number | undefined {
    return this.#lostAt;
  }
}
