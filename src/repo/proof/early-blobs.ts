/** Blobs of records that came before anything led to them: they count once something does. */

const chunkDigests = 4096;

/** Digests by the place of the record in the file, kept small: there can be as many as there are pictures. */
export class EarlyBlobs {
  private count = 0;
  private digests = 0;
  /** Places of records, ascending, and how many digests there were before each. */
  private offsets: Float64Array = new Float64Array(256);
  private starts: Int32Array = new Int32Array(256);
  private readonly chunks: Uint8Array[] = [];

  /** @param offset larger than all before. @param blobs digests, one behind the other */
  add(offset: number, blobs: Uint8Array): void {
    if (this.count + 1 >= this.offsets.length) {
      const { offsets, starts } = this;
      this.offsets = new Float64Array(offsets.length * 2);
      this.offsets.set(offsets);
      this.starts = new Int32Array(starts.length * 2);
      this.starts.set(starts);
    }
    this.offsets[this.count] = offset;
    for (let at = 0; at < blobs.length; at += 32) {
      const inChunk = this.digests++ % chunkDigests;
      if (inChunk === 0) {
        this.chunks.push(new Uint8Array(chunkDigests * 32));
      }
      this.chunks.at(-1)!.set(blobs.subarray(at, at + 32), inChunk * 32);
    }
    this.starts[++this.count] = this.digests;
  }

  /** The digests of the blobs of a record that was added. */
  *of(offset: number): Iterable<Uint8Array> {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.offsets[middle]! < offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (let i = this.starts[low]!; i < this.starts[low + 1]!; i++) {
      const at = (i % chunkDigests) * 32;
      yield this.chunks[Math.floor(i / chunkDigests)]!.subarray(at, at + 32);
    }
  }
}
