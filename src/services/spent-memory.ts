/**
 * Memory of pieces of a body that nobody needs any more. Each lies outside of the JavaScript heap, which stays small
 * however many there are, so that the engine sees no reason to look after them until there are 64 MB and more. So it is
 * asked to look at what is new every few megabytes, which takes a few milliseconds; and now and then at all:
 * pieces that were in use at such a moment count as old. It is asked only where the process is ours: a library is a
 * guest.
 */

/** Has the engine look for memory that is not needed any more. */
export type Collect = (options: { type: "minor" | "major" }) => void;

/** Bytes that come between two collections of what is new; every so many of these collect all memory. */
const every = 4 * 1024 * 1024;
const everyMajor = 16;

let spent = 0;
let looks = 0;
let collect: Collect | undefined;
let findCollector: (() => Collect) | undefined;

/** Says how the engine is asked. For whoever owns the process. @param find is called when it is asked first */
export function collectWith(find: () => Collect): void {
  findCollector = find;
}

/** Notes that so many bytes came from the network or the disk, and went where they had to go. */
export function noteSpent(bytes: number): void {
  spent += bytes;
  if (spent >= every) {
    spent = 0;
    collect ??= findCollector?.();
    looks += 1;
    collect?.({ type: looks % everyMajor === 0 ? "major" : "minor" });
  }
}
