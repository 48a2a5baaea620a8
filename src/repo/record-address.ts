/**
 * What a person names a record by: its path, or its at:// address. (Spec: AT URI Scheme, "Restricted AT URI Syntax".)
 */
import { DecampError } from "../errors.ts";
import { isDid, isHandle } from "../identity/names.ts";
import { isNsid, isRecordKey } from "./path.ts";

export interface RecordAddress {
  /** Whose repository the record is in, if the address says so. Handles are in lower case. */
  readonly authority?: { readonly type: "did" | "handle"; readonly name: string };
  /** `collection/rkey` */
  readonly path: string;
}

/**
 * Reads `collection/rkey`, which is taken as it is, or `at://authority/collection/rkey`.
 *
 * @throws DecampError `usage` for an at:// address that does not lead to a record
 */
export function parseRecordAddress(text: string): RecordAddress {
  if (!/^at:\/\//i.test(text)) {
    return { path: text };
  }
  const [name = "", collection = "", rkey = "", ...more] = text.slice("at://".length).split("/");
  const isKnown = isDid(name) || isHandle(name.toLowerCase());
  if (!isKnown || !isNsid(collection) || !isRecordKey(rkey) || more.length > 0) {
    throw new DecampError("usage", `This is not the address of a record: ${JSON.stringify(text)}.`, {
      hint: "It looks like at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2a; the path alone, without at:// and the account, is enough.",
    });
  }
  const authority = isDid(name)
    ? { type: "did" as const, name }
    : { type: "handle" as const, name: name.toLowerCase() };
  return { authority, path: `${collection}/${rkey}` };
}
