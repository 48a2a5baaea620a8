/** Writing to a descriptor that is open, such as a file that takes what a process prints. */
import { writeSync } from "node:fs";

/** Writes all of it. @throws what the system says when no more of it is taken */
export function writeWhole(descriptor: number, content: string | Uint8Array): void {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length;) {
    at += writeSync(descriptor, bytes, at);
  }
}
