/** Where the bytes of a CAR file come from, when they can be read again. */
export interface RepoSource {
  /**
   * Reads up to `length` bytes from `offset`. Synchronous, because a tree that arrives out of order takes very many
   * small reads.
   *
   * @param into memory of at least `length` bytes that may be filled and handed back; the caller owns it
   * @returns the bytes; fewer than `length` only at the end of the data. They are not used after the next read
   */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array;
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array): RepoSource {
  return { read: (offset, length) => bytes.subarray(offset, offset + length) };
}
