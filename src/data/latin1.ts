// These methods are as old as Node, and its types do not know them; `toString` and `write` take several times as long.
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string;
    latin1Write(text: string, start: number, length: number): number;
  }
}

/** The bytes from `start` to `end` as a text with one character a byte. */
export function latin1(bytes: Buffer, start: number, end: number): string {
  return bytes.latin1Slice(start, end);
}

const digest: Buffer = Buffer.allocUnsafeSlow(32);
const digestView = new DataView(digest.buffer);

/**
 * Whether the 32 bytes from `at` are those of a digest that is written with one character a byte. This is the form in
 * which the crypto library hands a digest over most cheaply.
 */
export function isDigest(view: DataView, at: number, text: string): boolean {
  digest.latin1Write(text, 0, 32);
  return (
    digestView.getInt32(0) === view.getInt32(at) &&
    digestView.getInt32(4) === view.getInt32(at + 4) &&
    digestView.getInt32(8) === view.getInt32(at + 8) &&
    digestView.getInt32(12) === view.getInt32(at + 12) &&
    digestView.getInt32(16) === view.getInt32(at + 16) &&
    digestView.getInt32(20) === view.getInt32(at + 20) &&
    digestView.getInt32(24) === view.getInt32(at + 24) &&
    digestView.getInt32(28) === view.getInt32(at + 28)
  );
}
