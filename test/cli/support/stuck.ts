/** Waits in the system for somebody who opens the other end of a pipe, and nobody does. */
import { writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { stoppable } from "../../../src/cli/talk/signals.ts";

const say = (text: string): void => void writeSync(1, `${text}\n`);
process.on("exit", (code) => say(`left with ${code}`));
await stoppable(
  async () => {
    const opening = open(process.argv[2] ?? "", "w");
    say("waiting");
    await opening;
  },
  () => say("heard"),
);
