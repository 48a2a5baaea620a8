/** The audit of an account's identity: its log, the head that was seen last, its DID document, its handle. */

import { isDecampError } from "../errors.ts";
import { parseDidDocument, type DidDocument } from "../identity/did-document.ts";
import { parseAccount } from "../identity/syntax.ts";
import { auditLog, findingOf, type AuditFinding, type LogAudit } from "../plc/audit.ts";
import { documentAgrees } from "../plc/document.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { contentOf, type UnsignedOperation } from "../plc/operation.ts";
import { readLog } from "./read-log.ts";
import { findPlcDid, notClaimed } from "./find.ts";
import type { AccountServices } from "./services.ts";

/** A document may lag behind the log: how often it is asked for, and the pause (milliseconds). */
const lag = { attempts: 5, pause: 500 };

export interface AccountAudit extends LogAudit {
  readonly did: string;
  /** The DID document, if there is one. */
  readonly document?: DidDocument;
}

/**
 * Audits the identity of an account. What is wrong with it is a finding and no error.
 *
 * @param text a handle or a DID
 * @param from origin of the server that is asked for the handle; DNS and the well-known address by default
 * @throws DecampError `account-not-found`, `invalid-account`, `unsupported`, and what the services throw
 */
export async function auditAccount(
  services: AccountServices,
  text: string,
  from: string | undefined,
  signal: AbortSignal,
): Promise<AccountAudit> {
  const account = parseAccount(text);
  const did = await findPlcDid(services, account, from, signal);
  let audit: LogAudit;
  try {
    audit = auditLog((await readLog(services, did, signal)).rawLog, did);
  } catch (error) {
    if (!isDecampError(error, "identity-invalid")) {
      throw error;
    }
    return { did, findings: [findingOf(error)] };
  }
  const { log } = audit;
  const { document, findings } =
    log === undefined ? { document: undefined, findings: [] } : await auditDocument(services, log, signal);
  const claims: AuditFinding[] =
    account.type === "handle" && document !== undefined && document.handle !== account.handle
      ? [
          {
            rule: "handle/not-claimed",
            severity: "error",
            message: notClaimed(account.handle, did, document.handle).message,
          },
        ]
      : [];
  return {
    ...audit,
    did,
    ...(document === undefined ? {} : { document }),
    findings: [...audit.findings, ...findings, ...claims],
  };
}

interface DocumentAudit {
  readonly document?: DidDocument;
  readonly findings: readonly AuditFinding[];
}

/** Whether the directory has the document that the head of the log asks for; none after a tombstone. */
async function auditDocument(
  { directory, sleep }: AccountServices,
  { did, head }: VerifiedLog,
  signal: AbortSignal,
): Promise<DocumentAudit> {
  const content = contentOf(head.operation);
  for (let attempt = 1; ; attempt += 1) {
    let audit: DocumentAudit;
    try {
      const document = parseDidDocument(await directory.document(did, signal), did);
      const agrees = content !== undefined && documentAgrees(document, content);
      audit = { document, findings: agrees ? [] : [contradiction(did)] };
    } catch (error) {
      if (!isDecampError(error, "account-not-found", "identity-invalid")) {
        throw error;
      }
      audit = { findings: error.code === "identity-invalid" ? [findingOf(error)] : missing(did, content) };
    }
    if (audit.findings.length === 0 || attempt >= lag.attempts) {
      return audit;
    }
    await sleep(lag.pause, signal);
  }
}

function missing(did: string, content: UnsignedOperation | undefined): AuditFinding[] {
  const message = `The directory has the log of ${did}, but no DID document.`;
  return content === undefined ? [] : [{ rule: "did-document/missing", severity: "error", message }];
}

function contradiction(did: string): AuditFinding {
  const message = `The DID document of ${did} contradicts the log of its operations.`;
  return { rule: "did-document/contradiction", severity: "error", message };
}
