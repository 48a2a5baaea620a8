/** Spans of time as flags have them. */
import { parseSpan, type Span } from "../../archive/keep-rules.ts";
import { DecampError } from "../../errors.ts";

/** @throws DecampError `usage` for a text that is none */
export function readSpan(flag: string, text: string): Span;
export function readSpan(flag: string, text: string | undefined): Span | undefined;
export function readSpan(flag: string, text: string | undefined): Span | undefined {
  const span = text === undefined ? undefined : parseSpan(text);
  if (text !== undefined && span === undefined) {
    throw new DecampError("usage", `${flag}: ${text} is no span of time.`, {
      hint: "It looks like 30d or 1y6m14d12h: years, months, days and hours.",
    });
  }
  return span;
}
