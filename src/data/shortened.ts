/** So much of a text is repeated in a message (letters). */
const most = 300;

/** A text as a message repeats it: whole, or its beginning. */
export function shortened(text: string): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
