/** What is said while a server is waited for: what for, and until when. */
import type { ServerWait } from "../../../services/http/http.ts";
import type { GlobalFlags } from "../../globals.ts";
import { tellDocument, type Terminal } from "../terminal.ts";
import { durationText } from "./amounts.ts";

/** Says why a server does not answer now. */
const reasons: Record<ServerWait["reason"], (host: string) => string> = {
  "rate-limit": (host) => `${host} takes no more requests for now.`,
  busy: (host) => `${host} cannot answer now, and says when it can.`,
};

/** @param now epoch milliseconds */
export function tellWait(
  terminal: Pick<Terminal, "out" | "err" | "log">,
  { json, quiet }: Pick<GlobalFlags, "json" | "quiet">,
  { host, milliseconds, reason }: ServerWait,
  now: number = Date.now(),
): void {
  const until = new Date(now + milliseconds);
  const why = reasons[reason](host);
  const message = `${why} It is asked again at ${until.toISOString()}.`;
  const document = { type: "pending", version: 1, host, until: until.toISOString(), reason, message };
  if (!tellDocument(terminal, json, document) && !quiet) {
    // The person's own clock, as it hangs on the wall.
    const time = [until.getHours(), until.getMinutes(), until.getSeconds()].map((part) =>
      String(part).padStart(2, "0"),
    );
    terminal.err.line(`${why} Waiting ${durationText(milliseconds / 1000)}, until ${time.join(":")} …`);
  }
}
