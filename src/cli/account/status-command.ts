/** `decamp account status`: what the servers of an account say of it. */
import { exitCodeOf } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { standingOf, type AccountStanding } from "../../migration/doctor/standing-of.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { completer } from "../next-command.ts";
import { servicesFor } from "../services.ts";
import type { OwnerFlags } from "../shape.ts";
import { completeHealth, tellHealth } from "../talk/reporters/health-lines.ts";
import { withSignOfLife } from "../talk/reporters/sign-of-life.ts";
import { stoppable } from "../talk/signals.ts";

/** The flags as commander hands them over. */
export interface AccountStatusFlags extends OwnerFlags {
  readonly signIn?: true;
}

/** Runs `decamp account status`. Exit code 3 if something is wrong, 5 if a server that was asked did not answer. */
export async function accountStatusCommand(invocation: Invocation<AccountStatusFlags>, edge: Edge): Promise<number> {
  const { args, flags, globals: raw } = invocation;
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const [account = ""] = args;
  return tell(await (flags.signIn === true ? askAsOwner() : askFromOutside()));

  async function askAsOwner(): Promise<AccountStanding> {
    const { asOwner } = await import("../talk/answers/as-owner.ts");
    return asOwner(
      invocation,
      edge,
      async ({ services, answers, from, signal }) =>
        standingOf(services, { account, from, owner: answers, stateDir: services.stateDir }, signal),
      { pace: "brief" },
    );
  }

  async function askFromOutside(): Promise<AccountStanding> {
    const from = flags.from === undefined ? undefined : parseServerUrl(flags.from, globals);
    const services = servicesFor(globals, terminal, undefined, undefined, "brief");
    try {
      return await stoppable(
        async (signal) =>
          withSignOfLife(terminal, "Asking the servers of the account", globals, async () =>
            standingOf(services, { account, from, stateDir: services.stateDir }, signal),
          ),
        () => undefined,
      );
    } finally {
      services.close();
    }
  }

  function tell({ checks, ...standing }: AccountStanding): number {
    const complete = completer({ raw, globals });
    const isKnown = checks.every(({ state }) => state !== "unknown");
    if (globals.json) {
      const told = completeHealth(checks, complete);
      terminal.out.json({ type: "result", version: 1, command: "account status", ...standing, checks: told });
    } else if (!globals.quiet || !standing.ok || !isKnown) {
      terminal.out.line({ text: standing.handle, style: "bold" }, "  ", standing.did);
      for (const { server, state, home } of standing.servers) {
        terminal.out.line("  ", server, "  ", state, home ? "  (the identity names it)" : "  (it has lived there)");
      }
      tellHealth(terminal.out, checks, complete);
    }
    return standing.ok ? (isKnown ? 0 : exitCodeOf("unreachable")) : exitCodeOf("damaged");
  }
}
