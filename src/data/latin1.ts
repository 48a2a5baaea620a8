// The method is as old as Node, and its types do not know it; `toString` takes three times as long.
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string;
  }
}

/** The bytes from `start` to `end` as a text with one character a byte. */
export function latin1(bytes: Buffer, start: number, end: number): string {
  return bytes.latin1Slice(start, end);
}
