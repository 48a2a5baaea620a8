/** `decamp doctor`: what is wrong with an account, or a server, and what mends it, on one page. */
import { DecampError, exitCodeOf, expectedFailure, isDecampError } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { examine } from "../../migration/doctor/examine.ts";
import { examineServer } from "../../migration/doctor/examine-server.ts";
import type { HealthCheck } from "../../migration/doctor/health.ts";
import type { OwnerAnswers } from "../../migration/doctor/owner-checks.ts";
import { refuseExisting } from "../../services/disk/files.ts";
import type { OpenServices } from "../../services/open.ts";
import type { Edge, Invocation } from "../command.ts";
import { nonEmpty, readGlobals, relayOf } from "../globals.ts";
import { completer } from "../next-command.ts";
import { servicesFor } from "../services.ts";
import { stoppable } from "../talk/signals.ts";
import { completeHealth, tellHealth } from "../talk/reporters/health-lines.ts";
import { withSignOfLife } from "../talk/reporters/sign-of-life.ts";
import type { DoctorFlags } from "./declare.ts";
import { writeReport } from "./nameless-report.ts";

/** With --watch it is looked again after so long, and for so long (milliseconds). */
const pace = 30_000;
const longest = 24 * 60 * 60_000;

/** What was found of an account, or of a server. */
export interface Found {
  readonly did?: string;
  readonly handle?: string;
  readonly server?: string;
  readonly checks: readonly HealthCheck[];
  readonly ok: boolean;
}

/** Runs `decamp doctor`. Exit code 3 if something is wrong, 5 if somebody who was asked did not answer. */
export async function lookOverCommand(invocation: Invocation<DoctorFlags>, edge: Edge): Promise<number> {
  const { args, flags, globals: raw } = invocation;
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const [account = ""] = args;
  const { report, watch = false, signIn = false, appView = nonEmpty(terminal.env["ATP_APPVIEW_HOST"]) } = flags;
  const asked = { relay: relayOf(flags, terminal.env), appView, pace: "brief" as const };
  const complete = completer({ raw, globals });
  const look = async (services: OpenServices, signal: AbortSignal, owner?: OwnerAnswers): Promise<Found> =>
    lookOnce({ account, flags, owner, allowPrivateHosts: globals.allowPrivateHosts }, services, signal);
  if (report !== undefined) {
    await requireFree(report);
  }
  const found = await (signIn ? lookAsOwner() : lookFromOutside());
  if (report !== undefined) {
    await writeReport(report, found);
  }
  tellAll();
  return found.ok ? (isWell(found) ? 0 : exitCodeOf("unreachable")) : exitCodeOf("damaged");

  async function lookAsOwner(): Promise<Found> {
    const { asOwner } = await import("../talk/answers/as-owner.ts");
    return asOwner(invocation, edge, async ({ services, answers, signal }) => look(services, signal, answers), asked);
  }

  async function lookFromOutside(): Promise<Found> {
    const services = servicesFor(globals, terminal, asked.relay, asked.appView, asked.pace);
    try {
      return await stoppable(
        async (signal) =>
          watch
            ? lookUntilWell(async (stop) => look(services, stop), services, signal, {
                onChange: (changed, isFirst) => {
                  if (!globals.json && !globals.quiet) {
                    tellHealth(terminal.err, changed, complete);
                    if (isFirst) {
                      terminal.err.line("Looking again every half minute; what changes is shown. Ctrl-C ends that.");
                    }
                  }
                },
                onFailure: ({ message }) => {
                  if (!globals.json && !globals.quiet) {
                    terminal.err.line(`${message} Looking again in half a minute.`);
                  }
                },
              })
            : withSignOfLife(terminal, "Looking at the account", globals, async () => look(services, signal)),
        () => undefined,
      );
    } finally {
      services.close();
    }
  }

  function tellAll(): void {
    if (globals.json) {
      const checks = completeHealth(found.checks, complete);
      terminal.out.json({ type: "result", version: 1, command: "doctor", ...found, checks });
    } else if (!globals.quiet || !isWell(found)) {
      const { handle, did, server } = found;
      const name = server ?? handle ?? did ?? "";
      terminal.out.line({ text: name, style: "bold" }, ...(did === undefined || did === name ? [] : ["  ", did]));
      tellHealth(terminal.out, found.checks, complete);
      terminal.out.line();
      terminal.out.line({ text: summary(found, { signIn, quick: flags.quick === true }), style: "bold" });
      if (report !== undefined) {
        terminal.out.line(`The report, without names, is in ${report}. Read it before you give it to anybody.`);
      }
    }
  }
}

/** @throws DecampError `refused` where something is there; `usage` where no folder is; `storage` */
async function requireFree(report: string): Promise<void> {
  try {
    await refuseExisting(report);
  } catch (error) {
    if (isDecampError(error, "storage") && error.data["reason"] === "ENOENT") {
      throw new DecampError("usage", `There is no folder for the report: ${report}.`, {
        hint: "Make the folder first, or name a file in one that is there.",
        cause: error,
      });
    }
    throw error;
  }
}

async function lookOnce(
  {
    account,
    flags: { from, server, quick: isQuick },
    owner,
    allowPrivateHosts,
  }: {
    readonly account: string;
    readonly flags: DoctorFlags;
    readonly owner: OwnerAnswers | undefined;
    readonly allowPrivateHosts: boolean;
  },
  services: OpenServices,
  signal: AbortSignal,
): Promise<Found> {
  const quick = isQuick === true;
  const origin = from === undefined ? undefined : parseServerUrl(from, { allowPrivateHosts });
  return server === undefined
    ? examine({ account, quick, allowPrivateHosts, owner, from: origin, stateDir: services.stateDir }, services, signal)
    : examineServer(
        { account, quick, from: origin, server: parseServerUrl(server, { allowPrivateHosts }) },
        services,
        signal,
      );
}

/** What is told on the way. */
export interface Told {
  /** What is wrong, and later what has changed. */
  readonly onChange: (checks: readonly HealthCheck[], isFirst: boolean) => void;
  /** Nobody could look this time. */
  readonly onFailure: (error: DecampError) => void;
}

/** Failures that may be over in a while. */
const passing = ["unreachable", "bad-answer", "rate-limited", "server-refused"] as const;

/** Looks again and again until nothing is wrong. @throws what looking throws, but for what passes */
export async function lookUntilWell(
  look: (signal: AbortSignal) => Promise<Found>,
  { now, sleep }: Pick<OpenServices, "now" | "sleep">,
  signal: AbortSignal,
  { onChange, onFailure }: Told,
): Promise<Found> {
  const end = now() + longest;
  let before: Found | undefined;
  for (;;) {
    let found: Found;
    try {
      found = await look(signal);
    } catch (error) {
      const failure = expectedFailure(error, signal);
      if (!isDecampError(failure, ...passing) || now() + pace > end) {
        throw failure;
      }
      onFailure(failure);
      await sleep(pace, signal);
      continue;
    }
    if (isWell(found) || now() + pace > end) {
      return found;
    }
    const said = new Set(before?.checks.map(({ id, message }) => `${id} ${message}`));
    onChange(
      found.checks.filter(
        ({ id, message, state }) => !said.has(`${id} ${message}`) && (before !== undefined || state !== "ok"),
      ),
      before === undefined,
    );
    before = found;
    await sleep(pace, signal);
  }
}

/** Whether nothing is wrong, and everybody has answered. */
function isWell({ checks }: Found): boolean {
  return checks.every(({ state }) => state === "ok" || state === "warning");
}

/** What of an account is to be said in one sentence. */
interface Asked {
  readonly signIn: boolean;
  readonly quick: boolean;
}

function summary({ checks, ok, server }: Found, { signIn: asOwner, quick }: Asked): string {
  const unlooked = quick ? "; whether the blobs are there was left out" : "";
  const change = checks.some(({ id }) => id === "changes") ? ", if what was changed lately was yours" : "";
  const faults = checks.filter(({ state }) => state === "fault").length;
  const isUnknown = checks.some(({ state }) => state === "unknown");
  if (server !== undefined) {
    return ok
      ? `Nothing ${isUnknown ? "that was seen " : ""}speaks against this server${isUnknown ? ", and not everybody has answered" : ", as far as can be seen from outside"}.`
      : `${faults === 1 ? "One thing speaks" : `${faults} things speak`} against this server.`;
  }
  if (!ok) {
    return faults === 1 ? "One thing is wrong." : `${faults} things are wrong.`;
  }
  return isUnknown
    ? `Nothing wrong was seen, and not everybody has answered${unlooked}.`
    : `Nothing is wrong, as far as can be seen from outside${asOwner ? " and as its owner" : ""}${unlooked}${change}.`;
}
