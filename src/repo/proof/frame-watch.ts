/** Looks at the bytes of a CAR file while they pass: whether it can still be told where the next block starts. */
import { BlockStream, type BlockReceiver } from "./block-stream.ts";
import { defaultLimits, type RepoLimits } from "../limits.ts";
import { Findings } from "../report.ts";
import { Window } from "./window.ts";

/** Takes no blocks: only the frame is watched here. */
const passOver: BlockReceiver = { header: () => undefined, block: () => undefined, rawBlock: () => undefined };

export class FrameWatch {
  readonly #stream: BlockStream;
  #lostAt: number | undefined;

  constructor(changed: Partial<RepoLimits> = {}) {
    const limits = { ...defaultLimits, ...changed };
    // Findings about single blocks are dropped.
    this.#stream = new BlockStream(new Window(), passOver, limits, new Findings({ ...limits, findings: 0 }));
  }

  /** Takes note of the next bytes. */
  look(bytes: Uint8Array): void {
    if (this.#lostAt === undefined) {
      this.#stream.write(bytes);
      this.#lostAt = this.#stream.stopped ? this.#stream.bytes : undefined;
    }
  }

  /** How many bytes had come when the frame was lost; undefined as long as the next block can be told. */
  get lostAt(): number | undefined {
    return this.#lostAt;
  }
}
