import { once } from "node:events";
import { expect, test } from "vitest";
import { quietTimers } from "./quiet-timers.ts";

test("the warning of negative times is left out, and any other is there", async () => {
  const before = Object.getOwnPropertyDescriptor(process, "emitWarning") ?? {};
  const seen: string[] = [];
  const see = ({ name }: Error): void => void seen.push(name);
  process.on("warning", see);
  try {
    quietTimers();
    process.emitWarning("-1 is a negative number.", "TimeoutNegativeWarning");
    const told = once(process, "warning");
    process.emitWarning("something else", "OtherWarning");
    await told;
    expect(seen).toEqual(["OtherWarning"]);
  } finally {
    Object.defineProperty(process, "emitWarning", before);
    process.off("warning", see);
  }
});
