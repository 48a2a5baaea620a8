/** The services, as the flags and the environment have them. */
import { defaultBudgets, type Limits } from "../data/budgets.ts";
import { openServices, type OpenServices } from "../services/open.ts";
import type { GlobalFlags } from "./globals.ts";
import { networkOptions } from "./network.ts";
import type { Terminal } from "./talk/terminal.ts";

/**
 * To be closed when the work is over.
 *
 * @param relay address of the relay, if one was named
 * @param appView the same of the AppView
 * @param pace `brief`: whoever does not answer soon has not answered
 * @throws as `networkOptions` and `openServices`
 */
export function servicesFor(
  globals: GlobalFlags,
  terminal: Terminal,
  relay?: string,
  appView?: string,
  pace: "patient" | "brief" = "patient",
): OpenServices {
  const { limits = defaultBudgets, ...network } = networkOptions(globals, terminal);
  const given = pace === "brief" ? { ...limits, ...briefly } : limits;
  return openServices({ ...network, limits: given, relay, appView, stateDir: globals.stateDir });
}

/** For who only looks, and says of whoever does not answer that he does not: milliseconds. */
const briefly: Partial<Limits> = {
  attempts: 2,
  connectTime: 8000,
  answerTime: 10_000,
  smallBodyTime: 20_000,
  idleTime: 20_000,
};
