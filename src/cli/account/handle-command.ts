/** `decamp account handle`: another handle for an account, set at its server. */
import { exitCodeOf, DecampError } from "../../errors.ts";
import { isReservedHandle, parseAccount } from "../../identity/names.ts";
import type { HandlePlan, HandleSet } from "../../migration/afterwards/handle-outcome.ts";
import type { HandleRecord } from "../../migration/afterwards/handle-record.ts";
import { setHandle, type HandleTalk } from "../../migration/afterwards/set-handle.ts";
import { defaultDocumentWait } from "../../services/defaults.ts";
import type { Edge, Invocation } from "../command.ts";
import { asOwner, type Owner } from "../talk/answers/as-owner.ts";
import { askYesOrNo } from "../talk/prompter.ts";
import { withLocalTimes } from "../talk/reporters/amounts.ts";
import { tellDocument, type Line, type Terminal } from "../talk/terminal.ts";
import type { HandleFlags } from "./declare.ts";

/** While nothing changes, it is said so often that it is waited (milliseconds). */
const heartbeat = 60_000;

/** Runs `decamp account handle`. Exit code 6 if the handle is set, and was not seen to lead to the account. */
export async function accountHandleCommand(invocation: Invocation<HandleFlags>, edge: Edge): Promise<number> {
  const { terminal } = edge;
  const { wait } = invocation.flags;
  const [account = "", name = ""] = invocation.args;
  const newHandle = parseNewHandle(name);
  return asOwner(invocation, edge, async (owner) => {
    const { services, answers, globals, from, signal } = owner;
    const { allowPrivateHosts, json, quiet } = globals;
    const request = {
      account,
      newHandle,
      from,
      wait: wait === undefined ? defaultDocumentWait : wait * 60_000,
      allowPrivateHosts,
    };
    const done = await setHandle(services, answers, request, talkAbout(owner, terminal), signal);
    const leads = done.leads !== "nowhere" && done.leads !== "leads-elsewhere";
    const document = { type: "result", version: 1, command: "account handle", ...done };
    if (!tellDocument(terminal, json, document) && (!quiet || !leads || done.warnings.length > 0)) {
      for (const line of resultLines(done)) {
        terminal.out.line(...line);
      }
    }
    return leads ? 0 : exitCodeOf("incomplete");
  });
}

/** @throws DecampError `usage` for what is no handle that anybody can have */
function parseNewHandle(text: string): string {
  let handle: string | undefined;
  try {
    const account = parseAccount(text);
    handle = account.type === "handle" ? account.handle : undefined;
  } catch (cause) {
    throw new DecampError("usage", `${JSON.stringify(text)} is not a handle.`, { hint: looksLike, cause });
  }
  if (handle === undefined) {
    throw new DecampError("usage", `${JSON.stringify(text)} is a DID, and not a handle.`, { hint: looksLike });
  }
  if (isReservedHandle(handle)) {
    const top = handle.slice(handle.lastIndexOf("."));
    throw new DecampError("usage", `No handle ends with ${top}: such a name leads nowhere.`, { hint: looksLike });
  }
  return handle;
}

const looksLike = "Give a domain of your own, such as alice.example.com, or a name that your server gives out.";

/** What is said and asked on the way. */
function talkAbout({ prompter, globals, services }: Owner, terminal: Terminal): HandleTalk {
  const { json, quiet, yes } = globals;
  const { err } = terminal;
  let told = "";
  let toldAt = 0;
  return {
    record: (record, until, givenOut) => {
      const time = new Date(until).toISOString();
      const { did, handle, url, dnsName, dnsValue, fileUrl, fileContent } = record;
      const own = givenOut ? {} : { dnsName, dnsValue, fileUrl, fileContent };
      const line = { type: "record", version: 1, did, handle, ...own, ...(url === undefined ? {} : { url }) };
      if (!tellDocument(terminal, json, { ...line, until: time }) && !quiet) {
        for (const shown of recordLines(record, givenOut, time)) {
          err.line(...shown);
        }
      }
    },
    waiting: (because) => {
      const now = services.now();
      if (json || quiet || (because === told && now - toldAt < heartbeat)) {
        return;
      }
      err.line(because === told ? "Still waiting. " : "Waiting. ", because);
      told = because;
      toldAt = now;
    },
    confirm: async (plan) => {
      if (!quiet && !json) {
        for (const line of planLines(plan)) {
          err.line(...line);
        }
      }
      if (yes) {
        return;
      }
      const { handle } = plan;
      const isMeant = await askYesOrNo(
        prompter,
        { message: `Set ${handle} now?`, what: `the yes to the handle ${handle}`, answeredBy: "--yes" },
        true,
      );
      if (!isMeant) {
        throw new DecampError("interrupted", "The handle was left as it is.");
      }
    },
  };
}

function recordLines(
  { dnsName, dnsValue, fileUrl, fileContent, handle, url }: HandleRecord,
  givenOut: boolean,
  until: string,
): Line[] {
  return [
    ...(givenOut
      ? []
      : [
          [{ text: `Set one of these, to show that ${handle} is yours:`, style: "bold" } as const],
          ["  an entry in DNS, of type TXT"],
          ["    name   ", dnsName],
          ["    value  ", dnsValue],
          ["  or a file on the web"],
          ["    address  ", fileUrl],
          ["    content  ", fileContent],
        ]),
    ...(url === undefined
      ? []
      : [["The document ", url, ` has to name it, too: at://${handle} as the first handle of alsoKnownAs.`]]),
    [withLocalTimes(`decamp looks for it until ${until}, and goes on as soon as it is there.`)],
  ];
}

function planLines({ did, before, handle, server, givenOut }: HandlePlan): Line[] {
  return [
    [
      { text: handle, style: "bold" },
      ` is to be the handle of ${did}`,
      before === undefined ? "." : `, in place of ${before}.`,
    ],
    ...(givenOut ? [[`${server} gives out names like it: no record has to be set.`]] : []),
    ...(did.startsWith("did:plc:")
      ? [[`${server} signs the change with a key of its own: it is the next operation in the log of the identity.`]]
      : []),
    ...(before === undefined || before === handle
      ? []
      : [[`Who knows the account as ${before} does not find it by that any more.`]]),
  ];
}

function resultLines({ state, did, before, handle, operation, signer = "", message, warnings }: HandleSet): Line[] {
  return [
    state === "same"
      ? [{ text: `${handle} is the handle of ${did} already.`, style: "bold" }, " Nothing was sent."]
      : [{ text: `${handle} is the handle of ${did} now.`, style: "bold" }],
    ...(operation === undefined ? [] : [[`  operation ${operation}, signed by ${signer}`]]),
    ...(before === undefined || before === handle ? [] : [[`  before: ${before}`]]),
    [withLocalTimes(message)],
    ...warnings.map((warning): Line => [{ text: "Warning: ", style: "yellow" }, warning]),
  ];
}
