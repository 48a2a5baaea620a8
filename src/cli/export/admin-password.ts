/** The password of a server's operator, for `export --all`: where it comes from, and whether it is good. */
import type { KnownSecrets } from "../../data/known-secrets.ts";
import type { GlobalFlags } from "../globals.ts";
import { isInEnvironment } from "../secret-kinds.ts";
import { requireSafeWay, type OpenServices } from "../../services/open.ts";
import { withPrompter } from "../talk/prompter.ts";
import { checkSecretFlags, createSecrets, type AllSecretFlags } from "../talk/secrets.ts";
import { stoppable, tellStopping } from "../talk/signals.ts";
import type { Terminal } from "../talk/terminal.ts";
import type { ExportFlags } from "./declare.ts";

/** What was said about the password. */
export interface Operator {
  readonly flags: AllSecretFlags;
  /** Whether a flag names it. */
  readonly isFlag: boolean;
  /** Whether a flag or the environment does. */
  readonly isGiven: boolean;
}

/** @throws DecampError `usage` for flags that contradict each other */
export function checkOperator(
  { adminPasswordFile: file, adminPasswordCommand: command }: ExportFlags,
  terminal: Pick<Terminal, "stdin" | "env">,
): Operator {
  const flags = { adminPassword: { file, command } };
  checkSecretFlags(flags, terminal);
  const isFlag = file !== undefined || command !== undefined;
  const isGiven = isFlag || isInEnvironment("adminPassword", terminal.env);
  return { flags, isFlag, isGiven };
}

/**
 * Reads the password, and asks the server whether it is good, before anything else is asked.
 *
 * @param origin of that server, and of no other: nobody else gets it
 * @throws DecampError `auth-refused`, `insecure-url` where the way to the server is not encrypted, `unreadable-file`,
 *   `refused` for a file that others can read, and what the server throws
 */
export async function readAdminPassword(
  origin: string,
  flags: AllSecretFlags,
  {
    services,
    globals,
    terminal,
    known,
  }: {
    readonly services: Pick<OpenServices, "openPds">;
    readonly globals: GlobalFlags;
    readonly terminal: Terminal;
    readonly known: KnownSecrets;
  },
): Promise<string | undefined> {
  return stoppable(
    async (signal, leave) =>
      withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
        const secrets = createSecrets(terminal, flags, prompter, known, signal);
        // A way that is not safe is refused before the password is read.
        requireSafeWay(origin, terminal.env);
        const password = await secrets.readGiven("adminPassword");
        if (password !== undefined) {
          await services.openPds(origin, password).checkOperator(signal);
        }
        return password;
      }),
    tellStopping(terminal, globals),
  );
}
