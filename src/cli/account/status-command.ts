/** `decamp account status`: what the servers of an account say of it. */
import { exitCodeOf } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { standingOf } from "../../migration/doctor/standing-of.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { nextCommand } from "../next-command.ts";
import { servicesFor } from "../services.ts";
import { withLocalTimes } from "../talk/reporters/amounts.ts";
import { stoppable } from "../talk/signals.ts";

/** The flags as commander hands them over. */
export interface AccountStatusFlags {
  readonly from?: string;
}

/** Runs `decamp account status`. Exit code 3 if something is wrong, 5 if a server that was asked did not answer. */
export async function accountStatusCommand(
  { args, flags, globals: raw }: Invocation<AccountStatusFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [account = ""] = args;
  const from = flags.from === undefined ? undefined : parseServerUrl(flags.from, globals);
  const services = servicesFor(globals, terminal);
  try {
    const { checks, ...standing } = await stoppable(
      async (signal) => standingOf(services, { account, from }, signal),
      () => undefined,
    );
    const told = checks.map(({ next, ...check }) => ({
      ...check,
      ...(next === undefined ? {} : { next: nextCommand(next, { raw, globals }) }),
    }));
    const isKnown = checks.every(({ state }) => state !== "unknown");
    if (globals.json) {
      terminal.out.json({ type: "result", version: 1, command: "account status", ...standing, checks: told });
    } else if (!globals.quiet || !standing.ok || !isKnown) {
      terminal.out.line({ text: standing.handle, style: "bold" }, "  ", standing.did);
      for (const { server, state, home } of standing.servers) {
        terminal.out.line("  ", server, "  ", state, home ? "  (the identity names it)" : "  (it has lived there)");
      }
      for (const { message, help, next } of told) {
        terminal.out.line(withLocalTimes(message));
        if (help !== undefined) {
          terminal.out.line("  ", withLocalTimes(help));
        }
        if (next !== undefined) {
          terminal.out.line("    ", next);
        }
      }
    }
    return standing.ok ? (isKnown ? 0 : exitCodeOf("unreachable")) : exitCodeOf("damaged");
  } finally {
    services.close();
  }
}
