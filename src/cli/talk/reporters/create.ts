/** Which listener fits: a person's terminal, plain lines, or JSON Lines. */
import type { Terminal } from "../terminal.ts";
import { createJsonReporter } from "./json-lines.ts";
import { createPersonReporter } from "./person.ts";
import { createPlainReporter } from "./plain.ts";
import type { Reporter, ReporterOptions } from "./reporter.ts";

export async function createReporter(terminal: Terminal, options: ReporterOptions): Promise<Reporter> {
  if (options.json) {
    return createJsonReporter(terminal.out, options);
  }
  return terminal.err.canAnimate && !options.quiet
    ? createPersonReporter(terminal, options)
    : createPlainReporter(terminal.err, options);
}
