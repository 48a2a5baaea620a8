/** `decamp verify --certificate FILE`: what the certificate of a move proves. No network. */
import { exitCodeOf, isDecampError, withHint } from "../../errors.ts";
import { certificateHint, verifyCertificate, type CertificateReport } from "../../migration/certificate.ts";
import { readGlobals } from "../globals.ts";
import type { Edge, Invocation } from "../command.ts";
import type { VerifyFlags } from "./declare.ts";
import { readJsonInput } from "../inputs/json-input.ts";
import type { Line, Piece } from "../talk/terminal.ts";

/** Exit code 3 for a certificate that proves nothing, or the contrary. */
export async function verifyCertificateCommand(
  { args, globals: raw }: Invocation<VerifyFlags>,
  { terminal }: Edge,
): Promise<number> {
  const globals = readGlobals(raw, terminal.env);
  const [path = ""] = args;
  const value = await readJsonInput(path, terminal, { notJson: "damaged" }).catch((error: unknown) => {
    throw isDecampError(error, "damaged") ? withHint(error, certificateHint) : error;
  });
  const report = await verifyCertificate(value);
  if (globals.json) {
    terminal.out.json({ type: "result", version: 1, command: "verify", certificate: report, ok: report.ok });
  } else if (!globals.quiet || !report.ok) {
    for (const line of lines(report)) {
      terminal.out.line(...line);
    }
  }
  return report.ok ? 0 : exitCodeOf("damaged");
}

function lines({ did, source, target, oldCommit, newCommit, copy, findings }: CertificateReport): Line[] {
  const verdicts: Record<typeof copy, Piece> = {
    identical: { text: "Proved: the new server has an identical copy of the repository.", style: "green" },
    unsigned: {
      text: "Proved: the old server signed this repository, and the identity moved. What the new server signs is not in the certificate: that is usual, because it signs only once something is written there. A move with --first-write does that at its end.",
      style: "yellow",
    },
    different: {
      text: "The new server signed another tree than the one that was moved: this proves no identical copy.",
      style: "red",
    },
    unproved: { text: "This does not prove that the new server has a copy.", style: "red" },
  };
  return [
    [verdicts[copy]],
    ...(did === undefined ? [] : [["Account     ", did]]),
    ...(source === undefined ? [] : [["Old server  ", source]]),
    ...(target === undefined ? [] : [["New server  ", target]]),
    ...(oldCommit === undefined ? [] : [["Old commit  ", oldCommit.commit, ", signed by ", oldCommit.signingKey]]),
    ...(newCommit === undefined ? [] : [["New commit  ", newCommit.commit, ", signed by ", newCommit.signingKey]]),
    ...(oldCommit === undefined ? [] : [["Tree        ", oldCommit.data, copy === "identical" ? ", on both" : ""]]),
    ...(newCommit === undefined || copy === "identical" ? [] : [["New tree    ", newCommit.data]]),
    ...findings.map((finding): Line => [{ text: "✗ ", style: "red" }, finding]),
  ];
}
