/**
 * What the environment and the command line tell Node.js itself. Some of it takes the safety out of TLS; some writes
 * the memory, the environment or the traffic of the process into files, to the screen, or opens them at a port. When
 * decamp's own code runs that has begun, and the commands that it runs inherit it: so decamp refuses to go on, and says
 * what to take away.
 */
import type { KnownSecrets } from "../data/known-secrets.ts";
import { DecampError } from "../errors.ts";
import { holdsSecret } from "./secret-kinds.ts";

/** How Node.js was started, apart from the environment. */
export interface NodeSettings {
  /** Its flags, without those of `NODE_OPTIONS`. */
  readonly execArgv: readonly string[];
  /** Whether a debugger can connect now. */
  readonly isInspected: () => boolean;
}

/** How this process was started. */
export function processSettings(): NodeSettings {
  return {
    execArgv: process.execArgv,
    // Loading the inspector takes its time, and most commands end before they know any secret.
    isInspected: () => {
      const inspector = process.features.inspector ? process.getBuiltinModule("node:inspector") : undefined;
      return inspector?.url() !== undefined;
    },
  };
}

/** Commands that never ask for a secret, and are never given one. All others may. */
const withoutSecrets: ReadonlySet<string> = new Set([
  "archive ls",
  "archive diff",
  "archive prune",
  "verify",
  "repo ls",
  "repo get",
  "repo unpack",
  "repo diff",
  "blob ls",
  "plc history",
  "plc audit",
  "plc diff",
  "insure",
  "completion",
  "help",
] as const);

/** Variables that have Node.js print what it sends and receives. */
const debugVariables = ["NODE_DEBUG", "NODE_DEBUG_NATIVE"];

/**
 * Flags that show memory, environment or traffic. Profiles (`--cpu-prof`, `--heap-prof`, `--prof`) name functions only,
 * and other traces stacks only; `--import` and `--require` run code of whoever started decamp.
 */
const revealing = [
  /^--inspect(?!-port$)/,
  /^--debug-(?!port$)/,
  /^--report-/,
  /^--experimental-report$/,
  /^--heapsnapshot-/,
  /^--build-snapshot/,
  /^--trace-(?:tls|event-.*|events-.*)$/,
  /^--trace$/,
  /^--tls-keylog$/,
  /^--abort-on-uncaught-exception$/,
  // What stands in the file may be any of these.
  /^--experimental-(?:default-)?config-file$/,
];

/**
 * Refuses what would show secrets, if the command may have any, or the environment holds one. Whether a debugger can
 * connect is asked before the first of them: at once if that is in the environment.
 *
 * @throws DecampError `usage`, and so does whoever takes the first of `secrets`
 */
export function refuseRevealing(
  command: string,
  env: Readonly<NodeJS.ProcessEnv>,
  settings: NodeSettings,
  secrets: KnownSecrets,
): void {
  secrets.checkBeforeFirst(() => refuseDebugger(settings));
  const isGiven = holdsSecret(env);
  if (withoutSecrets.has(command) && !isGiven) {
    return;
  }
  const variable = debugVariables.find((name) => (env[name] ?? "") !== "");
  if (variable !== undefined) {
    throw revealed(`With ${variable} in the environment, Node.js would print what is sent, secrets too.`, variable);
  }
  const inOptions = words(env["NODE_OPTIONS"] ?? "").find(isRevealing);
  if (inOptions !== undefined) {
    const flag = nameOf(inOptions);
    throw revealed(`With ${flag} in NODE_OPTIONS, Node.js would give away what is in its memory, secrets too.`, flag);
  }
  const typed = settings.execArgv.find(isRevealing);
  if (typed !== undefined) {
    const flag = nameOf(typed);
    throw revealed(`Started with ${flag}, Node.js would give away what is in its memory, secrets too.`, flag);
  }
  if (isGiven) {
    secrets.expect();
  }
}

function refuseDebugger(settings: NodeSettings): void {
  if (settings.isInspected()) {
    throw new DecampError("usage", "A debugger can connect to this process, and would see all secrets.", {
      hint: "Start decamp without one.",
    });
  }
}

/**
 * Refuses an environment in which nobody's certificate is looked at. To be called before the network is opened.
 *
 * @throws DecampError `usage`
 */
export function refuseUncheckedServers(env: Readonly<NodeJS.ProcessEnv>): void {
  // Node.js takes no other value for it.
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") {
    throw new DecampError(
      "usage",
      "NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment switches off the check of who a server is.",
      {
        hint: "Take it out of the environment. For a certificate authority of your own, set NODE_EXTRA_CA_CERTS to its file.",
      },
    );
  }
}

function isRevealing(flag: string): boolean {
  const name = nameOf(flag);
  return revealing.some((pattern) => pattern.test(name));
}

/** The name of a flag, as Node.js reads it: underscores are hyphens. */
function nameOf(flag: string): string {
  return flag.replace(/=.*$/s, "").replaceAll("_", "-");
}

/**
 * The words of `NODE_OPTIONS`: spaces divide them, except in quotes; a backslash in quotes takes the next letter as it
 * is.
 */
function words(options: string): string[] {
  return Array.from(options.matchAll(/(?:"(?:\\.|[^"\\])*"?|[^ "])+/gs), ([word]) =>
    word.replaceAll(/"((?:\\.|[^"\\])*)"?/gs, (_quoted, inner: string) => inner.replaceAll(/\\(.)/gs, "$1")),
  );
}

function revealed(message: string, what: string): DecampError {
  return new DecampError("usage", message, {
    hint: `Start decamp without ${what}.`,
    data: { setting: what },
  });
}
