/** `decamp plc repair`: the identity says what the server that holds the account needs. */
import { repairIdentity } from "../../account/repair/repair-identity.ts";
import { comparedHeads } from "../../archive/export/compared-heads.ts";
import type { ChangeParts } from "../../account/change.ts";
import { readManifests } from "../../archive/manifest.ts";
import { parseServerUrl } from "../../identity/addresses.ts";
import type { IdentityTalk } from "./identity-talk.ts";
import { talkIdentity } from "./identity-talk.ts";
import { readAccount } from "../../account/find.ts";
import type { Edge, Invocation } from "../command.ts";
import type { PlcRepairFlags } from "./declare-change.ts";
import { changeJson, changeLines } from "./plan-lines.ts";
import { DecampError, expectedFailure } from "../../errors.ts";
import { tellDocument } from "../talk/terminal.ts";

/** Runs `decamp plc repair`. */
export async function plcRepairCommand(invocation: Invocation<PlcRepairFlags>, edge: Edge): Promise<number> {
  const { args, flags } = invocation;
  const { terminal } = edge;
  const [account = ""] = args;
  const { via = "server" } = flags;
  return talkIdentity(invocation, flags, edge, async (talk) => {
    const { globals, complete, from } = talk;
    const { allowPrivateHosts } = globals;
    const server = flags.server === undefined ? undefined : parseServerUrl(flags.server, globals);
    if (flags.archive !== undefined && server === undefined) {
      throw new DecampError("usage", "--archive goes with --server: it says what has to be there.", {
        hint: "Without --server the server is asked that the identity names. Leave --archive out.",
      });
    }
    const parts = withArchive(talk.parts, flags.archive);
    const seenRev = server === undefined ? undefined : await findSeen({ ...talk, parts }, account, flags.archive);
    const signBy = flags.signBy ?? (talk.hasRotationKey ? "key" : "server");
    const openSigner = signBy === "key" ? talk.openSigner : undefined;
    const request = { account, from, server, seenRev, openSigner, route: via, allowPrivateHosts };
    const result = await repairIdentity(parts, request);
    const { did, state } = result;
    const changed = state === "repaired" ? result : undefined;
    const change = changed === undefined ? {} : changeJson(changed);
    const document = { type: "result", version: 1, command: "plc repair", did, state, ...change };
    if (tellDocument(terminal, globals.json, document) || globals.quiet) {
      return 0;
    }
    if (changed === undefined) {
      terminal.out.line("The identity says all that the server needs. Nothing was sent.");
      return 0;
    }
    terminal.out.line({ text: "The identity says what the server needs.", style: "bold" });
    for (const line of changeLines(changed, via === "directory", complete)) {
      terminal.out.line(...line);
    }
    return 0;
  });
}

/** With the log in an archive at hand: nothing is signed on top of one that lacks what it has. */
function withArchive(parts: ChangeParts, archive: string | undefined): ChangeParts {
  if (archive === undefined) {
    return parts;
  }
  const { services } = parts;
  return { ...parts, services: { ...services, heads: comparedHeads(() => archive, services.heads) } };
}

/**
 * The newest revision that was seen of an account: in its archive, and at the relay, as far as they say it.
 *
 * @throws DecampError `usage` for an archive of another account; `damaged`, `storage`
 */
async function findSeen(
  { parts: { services: account, signal }, services: { relay }, from }: IdentityTalk,
  name: string,
  archive: string | undefined,
): Promise<string | undefined> {
  const { did } = await readAccount(account, name, { from, anyState: true }, signal);
  const newest = archive === undefined ? undefined : (await readManifests(archive)).at(-1);
  if (archive !== undefined && newest?.did !== did) {
    throw new DecampError("usage", `${archive} is no archive of ${did}.`, {
      hint: "Name the archive of the account.",
    });
  }
  const relayed = await relay?.accountStatus(did, signal).catch((error: unknown) => {
    expectedFailure(error, signal);
    return undefined;
  });
  return [newest?.rev, relayed?.rev].reduce((last, rev) => (rev !== undefined && rev > (last ?? "") ? rev : last));
}
