/** How the tools of npm scripts are called: whoever asks, or calls one wrongly, reads a sentence and no stack. */
import { parseArgs } from "node:util";

/** What a tool was called with, or how it ends. */
export type Call<T> = { readonly with: T } | { readonly text: string; readonly code: 0 | 2 };

/** `npm run compat FOLDER NAME` */
export function compatCall(args: readonly string[]): Call<{ readonly checkout: string; readonly name: string }> {
  const usage =
    "Usage: npm run compat FOLDER NAME\n\nFOLDER is a checkout of another version, built; NAME is what it is called in fixtures/compat.";
  const [checkout, name, ...more] = args;
  if (isHelp(args)) {
    return { text: usage, code: 0 };
  }
  return checkout === undefined || name === undefined || more.length > 0 || args.some((one) => one.startsWith("-"))
    ? { text: usage, code: 2 }
    : { with: { checkout, name } };
}

/** The flags of `npm run sequences`. */
export interface SequencesFlags {
  readonly count: number;
  readonly seed: number;
  readonly lanes: number;
  readonly decamp?: string | undefined;
  readonly replay?: string | undefined;
  readonly shrink: boolean;
  readonly story: boolean;
}

/** `npm run sequences -- FLAGS` @param enough how many sequences there are unless it is said */
export function sequencesCall(args: readonly string[], enough: number): Call<SequencesFlags> {
  const usage = `Usage: npm run sequences -- [FLAGS]

  --count N       how many sequences; ${enough} by default
  --seed N        the first seed; 1 by default
  --decamp DIR    another checkout that is built already
  --lanes N       how many at once; 2 by default
  --replay JSON   this one sequence, as a failure prints it
  --shrink        makes a sequence that fails shorter, once for each kind of failure
  --story         prints what happened, of all of them`;
  if (isHelp(args)) {
    return { text: usage, code: 0 };
  }
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        count: { type: "string", default: String(enough) },
        seed: { type: "string", default: "1" },
        decamp: { type: "string" },
        lanes: { type: "string", default: "2" },
        replay: { type: "string" },
        shrink: { type: "boolean", default: false },
        story: { type: "boolean", default: false },
      },
    });
    const { decamp, replay, shrink, story } = values;
    const [count = 0, seed = 0, lanes = 0] = [values.count, values.seed, values.lanes].map((text) => whole(text));
    return { with: { count, seed, lanes, decamp, replay, shrink, story } };
  } catch (error) {
    return { text: `${error instanceof Error ? error.message : String(error)}\n\n${usage}`, code: 2 };
  }
}

/** What the tool was called with; it ends here if that is not enough, or was a question. */
export function orEnd<T>(call: Call<T>): T {
  if ("with" in call) {
    return call.with;
  }
  (call.code === 0 ? process.stdout : process.stderr).write(`${call.text}\n`);
  process.exit(call.code);
}

function isHelp(args: readonly string[]): boolean {
  return args.includes("--help") || args.includes("-h");
}

function whole(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) {
    throw new Error(`This is no whole number: ${JSON.stringify(text)}.`);
  }
  return Number(text);
}
