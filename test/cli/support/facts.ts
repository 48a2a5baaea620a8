/** Facts about a move, as a test of what is said needs them. */
import type { ChangeFacts } from "../../../src/plc/change-facts.ts";

/** From one server to another, the user's key first, and able to undo it. */
export const moveFacts: ChangeFacts = {
  server: { before: "https://old.example", after: "https://new.example" },
  handle: { before: "alice.old.example", after: "alice.new.example" },
  keys: [
    { key: "did:key:zOld", owner: "old-server", change: "leaves", rankBefore: 1 },
    { key: "did:key:zNew", owner: "new-server", change: "comes", rank: 1 },
    { key: "did:key:zUser", owner: "user", change: "stays", rankBefore: 0, rank: 0, outranksServer: true },
  ],
  keyCount: 2,
  undo: { possible: "yes", keys: ["did:key:zUser"] },
};
