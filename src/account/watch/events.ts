/** What a watch tells. */
import type { ForeignOperation } from "../../plc/foreign.ts";
import { earliest } from "./export-cursor.ts";

export type WatchEvent =
  /**
   * An operation that its owner is not known to have made.
   *
   * @param now epoch milliseconds by the directory's clock
   * @param apart milliseconds by which that clock is ahead of ours, where that is too far for any deadline
   */
  | ({
      readonly event: "operation";
      readonly did: string;
      readonly directory: string;
      readonly now: number;
      readonly apart?: number | undefined;
    } & ForeignOperation)
  /**
   * A directory does not show an operation in the log that was seen before, or that another one shows.
   *
   * @param isListed it lists the operation itself, in its `/export`
   */
  | {
      readonly event: "hidden";
      readonly did: string;
      readonly directory: string;
      readonly cid: string;
      readonly isListed?: true;
    }
  /** A directory gives a log that does not prove itself, or none. */
  | { readonly event: "invalid"; readonly did: string; readonly directory: string; readonly message: string }
  /** The same of so many accounts at once that it is the directory, or what stands before it. */
  | { readonly event: "broken"; readonly directory: string; readonly accounts: number }
  /**
   * A directory answers, and could not give these logs for a day.
   *
   * @param since epoch milliseconds
   */
  | { readonly event: "unread"; readonly directory: string; readonly dids: readonly string[]; readonly since: number }
  /** A directory has not answered for a day. @param since epoch milliseconds */
  | { readonly event: "silent"; readonly directory: string; readonly since: number }
  /** It answers again. */
  | { readonly event: "answers"; readonly directory: string; readonly since: number };

/** @param isTaken false where it was printed, or passed on, and nobody has said that it came to a person */
export type OnTold = (isTaken: boolean) => void;

/**
 * Whether it is an operation that can still be undone: then it is told until somebody has taken it. Where the clocks
 * differ, both have to say that the time is over.
 */
export function isOpen(event: WatchEvent): boolean {
  if (event.event !== "operation" || !event.undoing.can) {
    return false;
  }
  const { now, apart = 0, undoing } = event;
  return earliest({ now: now - apart, offset: apart }) <= undoing.until;
}
