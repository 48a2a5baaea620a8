/**
 * The frame of data that is compressed with Zstandard (RFC 8878, section 3.1.1): where it ends, and what it asks of
 * whoever unpacks it. It knows the heads of the frame and of its blocks, and not what is in them.
 *
 * It is needed because versions of Node.js differ in just this: some take the end of what they are given for the end of
 * a frame, some pass over what comes behind one, and some go on with the next one.
 */
import { overLimit, type Limits } from "./budgets.ts";
import { DecampError } from "../errors.ts";

/** The first bytes of a frame. */
const magic: readonly number[] = [0x28, 0xb5, 0x2f, 0xfd];

/** Whether bytes begin as a frame does. @param bytes the first four at least, or all that there are */
export function isZstd(bytes: Uint8Array): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

/** A window of so many bytes is within the limit that this power of two stands for. */
export function windowLog({ packedWindow }: Pick<Limits, "packedWindow">): number {
  return Math.floor(Math.log2(packedWindow));
}

/** The magic number, and the byte that says how long the rest of the head is. */
const headStart = 5;
const blockHead = 3;
const checksumBytes = 4;

/** Looks at one frame as it comes. */
export class FrameScan {
  readonly #name: string;
  readonly #limits: Pick<Limits, "packedWindow">;
  /** What has come of the head that is looked at. */
  readonly #head: number[] = [];
  #state: "start" | "head" | "block" | "checksum" | "ended" = "start";
  /** Bytes that have to come before the head can be read. */
  #wanted = headStart;
  /** Bytes to pass over before the next head. */
  #skip = 0;
  #hasChecksum = false;
  #isLast = false;

  /** @param name what it is, for messages */
  constructor(name: string, limits: Pick<Limits, "packedWindow">) {
    this.#name = name;
    this.#limits = limits;
  }

  /** Whether all of the frame has come. */
  get ended(): boolean {
    return this.#state === "ended";
  }

  /**
   * Takes note of the next bytes.
   *
   * @returns how many of them belong to the frame
   * @throws DecampError `damaged` where it is no frame, `limit-exceeded` where it asks for too much memory
   */
  look(bytes: Uint8Array): number {
    let at = 0;
    while (!this.ended && at < bytes.length) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, bytes.length - at);
        at += passed;
        this.#skip -= passed;
      } else {
        this.#head.push(bytes[at]!);
        at += 1;
      }
      this.#advance();
    }
    return at;
  }

  /** Goes on as soon as what is looked at is there. */
  #advance(): void {
    if (this.#skip > 0 || (!this.#isLast && this.#head.length < this.#wanted)) {
      return;
    }
    if (this.#isLast) {
      // The content of the last block has come, and then the checksum.
      this.#state = this.#hasChecksum && this.#state === "block" ? "checksum" : "ended";
      this.#skip = this.ended ? 0 : checksumBytes;
      return;
    }
    if (this.#state === "start") {
      this.#start();
    } else if (this.#state === "head") {
      this.#checkWindow();
      this.#expectBlock();
    } else {
      this.#readBlock();
    }
  }

  /** The descriptor: which fields of the head follow. */
  #start(): void {
    const descriptor = this.#head[4] ?? 0;
    if (!isZstd(Uint8Array.from(this.#head)) || (descriptor & 8) !== 0) {
      throw this.#fault("is not compressed as decamp does it");
    }
    if ((descriptor & 3) !== 0) {
      throw this.#fault("is compressed with a dictionary, which decamp does not have");
    }
    const isSingle = (descriptor & 32) !== 0;
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#wanted = headStart + (isSingle ? 0 : 1) + sizeBytes;
    this.#state = "head";
  }

  /** The window is the memory that whoever unpacks needs: that of the head, or all of the content. */
  #checkWindow(): void {
    const descriptor = this.#head[4] ?? 0;
    const isSingle = (descriptor & 32) !== 0;
    const first = this.#head[headStart] ?? 0;
    const base = 2 ** (10 + (first >> 3));
    const window = isSingle ? this.#contentSize(descriptor >> 6) : base + (base / 8) * (first & 7);
    const most = 2 ** windowLog(this.#limits);
    if (window > most) {
      throw overLimit("packedWindow", `What unpacks ${this.#name} would need a window of`, most, "bytes");
    }
  }

  /** The size of the content, which stands at the end of the head (bytes). @param flag how it is written */
  #contentSize(flag: number): number {
    const bytes = this.#head.slice(headStart);
    const size = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
    return flag === 1 ? size + 256 : size;
  }

  #expectBlock(): void {
    this.#head.length = 0;
    this.#wanted = blockHead;
    this.#state = "block";
  }

  #readBlock(): void {
    const [low = 0, middle = 0, high = 0] = this.#head;
    const type = (low >> 1) & 3;
    if (type === 3) {
      throw this.#fault("is not compressed as decamp does it");
    }
    // Of a block that repeats one byte only that byte is there.
    this.#skip = type === 1 ? 1 : (low >> 3) | (middle << 5) | (high << 13);
    this.#isLast = (low & 1) !== 0;
    this.#expectBlock();
    if (this.#skip === 0) {
      this.#advance();
    }
  }

  #fault(what: string): DecampError {
    return new DecampError("damaged", `${this.#name} ${what}.`, {
      hint: "If another program has compressed it, unpack it with zstd -d, and give the CAR file.",
    });
  }
}
