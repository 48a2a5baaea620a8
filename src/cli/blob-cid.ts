/** The CID of a blob, as a flag names it. */
import { isCid } from "../data/cid.ts";
import { DecampError } from "../errors.ts";

/** @throws DecampError `usage` for what is no CID of a blob */
export function requireBlobCid(text: string): string {
  if (!isCid(text)) {
    throw new DecampError("usage", `--skip-blob: ${JSON.stringify(text)} is not the CID of a blob.`, {
      hint: "A move names the CIDs of the blobs that stop it; decamp blob ls lists all that records refer to.",
    });
  }
  return text;
}
