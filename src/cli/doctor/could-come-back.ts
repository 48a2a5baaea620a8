/** `decamp doctor --archive`: whether an account could come back, on one page. */
import { exitCodeOf } from "../../errors.ts";
import { couldComeBack, type Comeback } from "../../migration/restore/comeback.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { completer, withKeyFile, type Complete } from "../next-command.ts";
import { servicesFor } from "../services.ts";
import { withPrompter } from "../talk/prompter.ts";
import { namesRotationKey, outsideSigner, rotationKeyOpener, rotationKeySecrets } from "../talk/rotation-key.ts";
import { checkSecretFlags, createSecrets } from "../talk/secrets.ts";
import { stoppable } from "../talk/signals.ts";
import { findingLine } from "../talk/reporters/health-lines.ts";
import type { Line } from "../talk/terminal.ts";
import type { DoctorFlags } from "./declare.ts";

/** Runs `decamp doctor --archive`. Exit code 6 if the account could not come back, or not whole. */
export async function comebackCommand(
  { args, flags, globals: raw }: Invocation<DoctorFlags>,
  { terminal, secrets: known }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [account = ""] = args;
  const { archive = "", to } = flags;
  const secretFlags = rotationKeySecrets(flags);
  checkSecretFlags(secretFlags, terminal);
  const services = servicesFor(globals, terminal);
  const complete = withKeyFile(completer({ raw, globals }), flags.rotationKeyFile);
  try {
    const comeback = await stoppable(
      async (signal, leave) =>
        withPrompter(terminal, { ...globals, signal, leave }, async (prompter) => {
          const secrets = createSecrets(terminal, secretFlags, prompter, known, signal);
          // A timer never opens a key: it has to be named.
          const openKey = namesRotationKey(flags, terminal.env)
            ? rotationKeyOpener(secrets, flags.curve, outsideSigner(flags), signal)
            : undefined;
          const { allowPrivateHosts } = globals;
          return couldComeBack({ account, archive, to, allowPrivateHosts }, services, openKey, signal);
        }),
      () => undefined,
    );
    if (globals.json) {
      const next = complete(comeback.next);
      terminal.out.json({ type: "result", version: 1, command: "doctor", ...comeback, next });
    } else if (!globals.quiet || !comeback.ok) {
      for (const line of comebackLines(comeback, complete)) {
        terminal.out.line(...line);
      }
    }
    return comeback.ok ? 0 : exitCodeOf("incomplete");
  } finally {
    services.close();
  }
}

function comebackLines({ did, handle, checks, ok, losses, next }: Comeback, complete: Complete): Line[] {
  const lost = losses.length === 0 ? "nothing that anybody knows of" : losses.join(", and ");
  return [
    [{ text: handle, style: "bold" }, "  ", { text: did, style: "dim" }],
    ...checks.map(findingLine),
    [],
    ...(ok
      ? [
          [{ text: `If your server died now, you would lose: ${lost}.`, style: "bold" } as const],
          ["The command to come back is:"],
          [`  ${complete(next)}`],
        ]
      : [
          [
            {
              text: "If your server died now, the account could not come back like this, or not whole.",
              style: "bold",
            } as const,
          ],
        ]),
  ];
}
