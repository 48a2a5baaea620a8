/**
 * Media types on their way into a header. What a record or an answer names as one may be anything: empty, huge, with
 * line ends or letters that no header holds. It is hashed and signed, so it stays in the record; it is not sent like
 * that.
 */

/** What is sent where nothing better is known. */
export const anyType = "application/octet-stream";

/** Characters of a type that is sent. Longer ones make servers refuse the whole request. */
const longest = 255;
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const mediaType = new RegExp(`^${token}/${token}(?:[ \\t]*;[ \\t]*${token}=(?:${token}|"[ !#-\\[\\]-~]*"))*$`);

/** The same media type, if it is one (RFC 9110, 8.3.1); else the one that says nothing. */
export function mediaTypeToSend(said: string): string {
  return said.length <= longest && mediaType.test(said) ? said : anyType;
}
