/** What was typed, so that it can be typed again. */
import { DecampError, isDecampError } from "../errors.ts";

/** The command line, quoted for a shell. Flags never hold secrets. */
export function commandLine(argv: readonly string[]): string {
  const quoted = argv.map((word) => {
    if (/^[\w@%+=:,./-]+$/.test(word)) {
      return word;
    }
    return process.platform === "win32" ? `"${word.replaceAll('"', '\\"')}"` : `'${word.replaceAll("'", "'\\''")}'`;
  });
  return ["decamp", ...quoted].join(" ");
}

/** The error of a run that can be taken up again; one that was interrupted says how. @param lead what is said before that */
export function resumable(error: unknown, argv: readonly string[], lead = "To go on from here, run:"): unknown {
  if (!isDecampError(error, "interrupted")) {
    return error;
  }
  const resume = commandLine(argv);
  return new DecampError("interrupted", error.message, {
    hint: `${lead}\n  ${resume}`,
    data: { ...error.data, resume },
    cause: error,
    known: error.known,
  });
}
