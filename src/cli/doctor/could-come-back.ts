/** `decamp doctor --archive`: whether an account could come back, on one page. */
import { exitCodeOf } from "../../errors.ts";
import { couldComeBack, type Comeback } from "../../migration/restore/comeback.ts";
import type { Edge, Invocation } from "../command.ts";
import { readGlobals } from "../globals.ts";
import { completer, withKey, type Complete } from "../next-command.ts";
import { withTalk } from "../talk/answers/with-talk.ts";
import {
  keyWords,
  namesRotationKey,
  outsideSigner,
  rotationKeyOpener,
  rotationKeySecrets,
} from "../talk/rotation-key.ts";
import { completeHealth, findingLine } from "../talk/reporters/health-lines.ts";
import type { Line } from "../talk/terminal.ts";
import type { DoctorFlags } from "./declare.ts";

/** Runs `decamp doctor --archive`. Exit code 6 if the account could not come back, or not whole. */
export async function comebackCommand(
  { args, flags, globals: raw }: Invocation<DoctorFlags>,
  edge: Edge,
): Promise<number> {
  const { terminal } = edge;
  const globals = readGlobals(raw, terminal.env);
  const [account = ""] = args;
  const { archive = "", to } = flags;
  const complete = withKey(completer({ raw, globals }), keyWords(flags));
  const how = { secretFlags: rotationKeySecrets(flags), onStop: () => undefined };
  const comeback = await withTalk(edge, globals, how, async ({ services, secrets, signal }) => {
    // A timer never opens a key: it has to be named.
    const openKey = namesRotationKey(flags, terminal.env)
      ? rotationKeyOpener(secrets, flags.curve, outsideSigner(flags), signal)
      : undefined;
    const { allowPrivateHosts } = globals;
    return couldComeBack({ account, archive, to, allowPrivateHosts }, services, openKey, signal);
  });
  if (globals.json) {
    const checks = completeHealth(comeback.checks, complete);
    const next = complete(comeback.next);
    terminal.out.json({ type: "result", version: 1, command: "doctor", ...comeback, checks, next });
  } else if (!globals.quiet || !comeback.ok) {
    for (const line of comebackLines(comeback, complete)) {
      terminal.out.line(...line);
    }
  }
  return comeback.ok ? 0 : exitCodeOf("incomplete");
}

function comebackLines({ did, handle, checks, ok, losses, next }: Comeback, complete: Complete): Line[] {
  const lost = losses.length === 0 ? "nothing that anybody knows of" : losses.join(", and ");
  return [
    [{ text: handle, style: "bold" }, "  ", { text: did, style: "dim" }],
    ...checks.flatMap((check): Line[] => [
      findingLine(check),
      ...(check.next === undefined ? [] : [[`           ${complete(check.next)}`]]),
    ]),
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
