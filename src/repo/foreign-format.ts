/**
 * What a file that is not a CAR of version 1 looks like, by its first bytes. The author of the file has chosen those
 * bytes, so messages say what it looks like, never what it is. A good repository cannot start like any of these.
 */
import { rules, type RuleId } from "./rules.ts";

/** So many bytes are enough. No repository is smaller. */
export const tellingBytes = 64;

/** By how they start. */
const starts: readonly (readonly [string, RuleId])[] = [
  ["\x1f\x8b", "car/gzip"],
  ["PK\x03\x04", "car/zip"],
  ["PK\x05\x06", "car/zip"],
  ["\x28\xb5\x2f\xfd", "car/zstd"],
  ["\xfd7zXZ\x00", "car/xz"],
  ["BZh", "car/bzip2"],
  ["\xff\xfe", "car/utf-16"],
  ["\xfe\xff", "car/utf-16"],
  ["version https://git-lfs", "car/git-lfs"],
  ["-----BEGIN ", "car/pem"],
];

const byteOrderMark = "\xef\xbb\xbf";

/** The length of its pragma, and the pragma, of a CAR of version 2. */
const version2 = "\x0a\xa1gversion\x02";

/** Headers that a server may send before the bytes, and that somebody may have saved along with them. */
const httpHeader =
  /^(?:HTTP\/[0-9]|(?:accept-ranges|access-control-[a-z-]+|atproto-[a-z-]+|cache-control|connection|content-[a-z-]+|date|etag|server|transfer-encoding|vary|via|x-[a-z-]+): ?\S)/i;

export interface ForeignFormat {
  readonly rule: RuleId;
  readonly message: string;
}

/** What a file seems to be, by its start; undefined if it may be a CAR of version 1. */
export function foreignFormat(bytes: Uint8Array): ForeignFormat | undefined {
  const rule = looksLike(bytes);
  return rule === undefined ? undefined : { rule, message: `${rules[rule].sentence}${placeInside(rule, bytes)}` };
}

function looksLike(bytes: Uint8Array): RuleId | undefined {
  const head = Buffer.from(bytes.subarray(0, tellingBytes)).toString("latin1");
  if (head.startsWith(version2)) {
    return innerCar(bytes) === undefined ? "car/version-2-header" : "car/version-2";
  }
  const known = starts.find(([start]) => head.startsWith(start));
  if (known !== undefined) {
    return known[1];
  }
  const text = head.replace(byteOrderMark, "").trimStart();
  if (/^<[!?a-z]/i.test(text)) {
    return "car/html";
  }
  if (/^[{[]\s*["{[\]}]/.test(text)) {
    return "car/json";
  }
  if (httpHeader.test(text)) {
    return "car/http";
  }
  if (isCarInBase64(text)) {
    return "car/base64";
  }
  return head.startsWith(byteOrderMark) ? "car/bom" : undefined;
}

/**
 * Where a CAR of version 2 says that its CAR of version 1 lies: behind the pragma, 16 bytes of flags come before it.
 */
function innerCar(bytes: Uint8Array): { offset: bigint; size: bigint } | undefined {
  if (bytes.length < 51) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offset = view.getBigUint64(27, true);
  const size = view.getBigUint64(35, true);
  return offset >= 51n && size > 0n && offset + size < 1n << 53n ? { offset, size } : undefined;
}

/** How to get what lies inside of the file. */
function placeInside(rule: RuleId, bytes: Uint8Array): string {
  const inner = rule === "car/version-2" ? innerCar(bytes) : undefined;
  return inner === undefined ? "" : ` To take it out: tail -c +${inner.offset + 1n} FILE | head -c ${inner.size}`;
}

/**
 * Whether a text is base64 of something that starts like the header of a CAR: a length, a map of two, "roots" or
 * "version".
 */
function isCarInBase64(text: string): boolean {
  const start = /^[A-Za-z0-9+/_-]{16}/.exec(text)?.[0];
  return start !== undefined && /^..?\xa2[eg](?:roots|versi)/s.test(Buffer.from(start, "base64").toString("latin1"));
}
