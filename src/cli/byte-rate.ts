/** How fast bodies may flow, as it is typed. */

/** Letters behind the number → what they multiply it by, as curl and rsync have it. */
const multiples: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** With less, servers would hang up before anything has arrived. */
const least = 1024;

/** What is said of what is no rate. */
export const rateForm = "It must look like 500k or 2M: bytes a second; k is 1024, and 1k is the least.";

/** `500k` → bytes per second; undefined if it is no rate, or one of less than `1k`. */
export function byteRate(text: string): number | undefined {
  const [, number = "", letter = ""] = /^([0-9]{1,12})([kmg]?)$/i.exec(text) ?? [];
  const rate = Number(number) * (multiples[letter.toLowerCase()] ?? 1);
  return number !== "" && rate >= least && Number.isSafeInteger(rate) ? rate : undefined;
}
