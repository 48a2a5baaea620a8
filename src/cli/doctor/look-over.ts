/** `decamp doctor`: what is wrong with an account, and what mends it, on one page. */
import { exitCodeOf } from "../../errors.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import { examine } from "../../migration/doctor/examine.ts";
import type { Health } from "../../migration/doctor/health.ts";
import type { Edge, Invocation } from "../command.ts";
import { nonEmpty, readGlobals, relayOf } from "../globals.ts";
import { completer, type Complete } from "../next-command.ts";
import { servicesFor } from "../services.ts";
import { stoppable } from "../talk/signals.ts";
import type { Line } from "../talk/terminal.ts";
import type { DoctorFlags } from "./declare.ts";
import { stateWords } from "./state-words.ts";

/** Runs `decamp doctor`. Exit code 3 if something is wrong, 5 if somebody who was asked did not answer. */
export async function lookOverCommand(
  { args, flags, globals: raw }: Invocation<DoctorFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const { allowPrivateHosts } = globals;
  const [account = ""] = args;
  const { quick = false, from, appView = nonEmpty(terminal.env["ATP_APPVIEW_HOST"]) } = flags;
  const services = servicesFor(globals, terminal, relayOf(flags, terminal.env), appView);
  const complete = completer({ raw, globals });
  try {
    const health = await stoppable(
      async (signal) =>
        examine(
          {
            account,
            quick,
            allowPrivateHosts,
            ...(from === undefined ? {} : { from: parseServerUrl(from, { allowPrivateHosts }) }),
          },
          services,
          signal,
        ),
      () => undefined,
    );
    if (globals.json) {
      const checks = health.checks.map(({ next, ...check }) => ({
        ...check,
        ...(next === undefined ? {} : { next: complete(next) }),
      }));
      terminal.out.json({ type: "result", version: 1, command: "doctor", ...health, checks });
    } else if (!globals.quiet || !isQuiet(health)) {
      for (const line of healthLines(health, complete)) {
        terminal.out.line(...line);
      }
    }
    return health.ok ? (isQuiet(health) ? 0 : exitCodeOf("unreachable")) : exitCodeOf("damaged");
  } finally {
    services.close();
  }
}

/** Whether nothing is wrong, and everybody has answered. */
function isQuiet({ checks }: Health): boolean {
  return checks.every(({ state }) => state === "ok" || state === "warning");
}

function healthLines({ did, handle, checks, ok }: Health, complete: Complete): Line[] {
  const faults = checks.filter(({ state }) => state === "fault").length;
  const unknown = checks.filter(({ state }) => state === "unknown").length;
  return [
    [
      { text: handle ?? did, style: "bold" },
      ...(handle === undefined ? [] : ["  ", { text: did, style: "dim" } as const]),
    ],
    ...checks.flatMap(({ state, message, help, next }): Line[] => [
      [stateWords[state], message],
      ...(help === undefined ? [] : [[`         ${help}`]]),
      ...(next === undefined ? [] : [[`           ${complete(next)}`]]),
    ]),
    [],
    [
      {
        text: ok
          ? unknown === 0
            ? "Nothing is wrong with the account, as far as can be seen from outside."
            : "Nothing wrong was seen, and not everybody has answered."
          : faults === 1
            ? "One thing is wrong."
            : `${faults} things are wrong.`,
        style: "bold",
      },
    ],
  ];
}
