/** `decamp export ACCOUNT`: which account. The network is loaded once that is known. */
import { DecampError } from "../../errors.ts";
import { parseAccount } from "../../identity/names.ts";
import type { Edge, Invocation } from "../command.ts";
import type { ExportFlags } from "./declare.ts";

/** Runs `decamp export`; exit codes as `exportAccount` has them. */
export async function exportCommand(invocation: Invocation<ExportFlags>, edge: Edge): Promise<number> {
  const account = parseAccount(oneAccount(invocation.args, invocation.flags));
  return (await import("./run-one.ts")).exportAccount(account, invocation, edge);
}

/** @throws DecampError `usage` for none, and for flags of many */
function oneAccount([name]: readonly string[], flags: ExportFlags): string {
  const { pds, jobs, shard, failOn, adminPasswordFile, adminPasswordCommand, includeTakenDown, metricsFile } = flags;
  if (name === undefined) {
    throw new DecampError("usage", "Which account? Give a handle or a DID, or --all, or --accounts.", {
      hint: "Run decamp export --help to see how it is used.",
    });
  }
  if (pds !== undefined || jobs !== undefined || shard !== undefined || failOn !== undefined) {
    throw new DecampError("usage", "--pds, --jobs, --shard and --fail-on go with --all or --accounts.", {
      hint: "The server of one account is named with --from.",
    });
  }
  if (adminPasswordFile !== undefined || adminPasswordCommand !== undefined || includeTakenDown === true) {
    throw new DecampError("usage", "The admin password and --include-taken-down go with --all --pds URL.", {
      hint: "One account is exported with its own password: --sign-in.",
    });
  }
  if (metricsFile !== undefined) {
    throw new DecampError("usage", "--metrics-file goes with --all.", {
      hint: "Of one account --json has all figures.",
    });
  }
  return name;
}
