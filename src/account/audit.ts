/** The audit of an account's identity: its log, the head that was seen last, its DID document, its handle. */

import { isDecampError, type DecampError } from "../errors.ts";
import { isUnrendered, parseDidDocument, type DidDocument } from "../identity/did-document.ts";
import { parseAccount } from "../identity/names.ts";
import { auditOf, findingOf, type AuditFinding, type LogAudit } from "../plc/audit.ts";
import { documentAgrees } from "../plc/document.ts";
import type { VerifiedLog } from "../plc/log.ts";
import { contentOf } from "../plc/operation.ts";
import { readLog } from "./read-log.ts";
import { claimedHandle, findPlcDid, notClaimed } from "./find.ts";
import { whileItLags } from "./lag.ts";
import type { AccountServices } from "./services.ts";

/** What was found out about the identity of an account. */
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
    audit = auditOf((await readLog(services, did, signal)).log);
  } catch (error) {
    if (!isDecampError(error, "identity-invalid")) {
      throw error;
    }
    return { did, findings: [findingOf(error)] };
  }
  const { log } = audit;
  const { document, findings } =
    log === undefined ? { document: undefined, findings: [] } : await auditDocument(services, log, signal);
  const content = log === undefined ? undefined : contentOf(log.head.operation);
  const claimed = document === undefined ? claimedHandle(content?.alsoKnownAs ?? []) : document.handle;
  const claims: AuditFinding[] =
    account.type === "handle" && content !== undefined && claimed !== account.handle
      ? [
          {
            rule: "handle/not-claimed",
            severity: "error",
            message: notClaimed(account.handle, did, claimed).message,
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

/**
 * Whether the directory has the document that the head of the log asks for; none after a tombstone. A document that
 * says something else is an error; none at all is a warning, since the log says all of it.
 */
async function auditDocument(
  { directory, sleep }: AccountServices,
  { did, head }: VerifiedLog,
  signal: AbortSignal,
): Promise<DocumentAudit> {
  const content = contentOf(head.operation);
  return whileItLags({ sleep }, signal, async (last) => {
    let audit: DocumentAudit;
    try {
      const document = parseDidDocument(await directory.document(did, signal), did);
      const agrees = content !== undefined && documentAgrees(document, content);
      audit = { document, findings: agrees ? [] : [contradiction(did)] };
    } catch (error) {
      if (isUnrendered(error)) {
        audit = { findings: content === undefined ? [] : [unavailable(did, error)] };
      } else if (isDecampError(error, "identity-invalid")) {
        audit = { findings: [findingOf(error)] };
      } else {
        throw error;
      }
    }
    const [finding] = audit.findings;
    // A directory that lags has an old document, or none yet. One that cannot make it is not asked again.
    return finding === undefined || finding.rule === "did-document/unavailable" || last ? audit : undefined;
  });
}

function unavailable(did: string, error: DecampError): AuditFinding {
  const isMissing = error.code === "account-not-found";
  return {
    rule: isMissing ? "did-document/missing" : "did-document/unavailable",
    severity: "warning",
    message: isMissing
      ? `The directory has the log of ${did}, but no DID document.`
      : `The directory has the log of ${did}, but does not give out its DID document: ${error.message}`,
  };
}

function contradiction(did: string): AuditFinding {
  const message = `The DID document of ${did} contradicts the log of its operations.`;
  return { rule: "did-document/contradiction", severity: "error", message };
}
