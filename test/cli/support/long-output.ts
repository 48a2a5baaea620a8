/** Writes more than a pipe holds, to both outputs, and waits for whoever reads only at the end. */
import { openTerminal, processParts } from "../../../src/cli/talk/terminal.ts";

const { out, err } = await openTerminal(processParts(), { noColor: true });
err.line("begun");
for (let number = 0; number < 50_000; number += 1) {
  out.line(String(number));
}
await out.settled();
err.line(out.failure ?? "ended");
