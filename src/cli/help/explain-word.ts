/** What `decamp help WORDS` says where that is neither a command nor a topic. */
import { DecampError } from "../../errors.ts";
import type { Terminal } from "../talk/terminal.ts";
import { askedByWords, topicNames } from "./asked.ts";
import { nearest, suggestion } from "./suggest.ts";
import { meaningOf } from "./words.ts";

/**
 * Says what a word means.
 *
 * @param words what stands behind `help`
 * @param commands the names of all commands
 * @throws DecampError `usage` for a word that is not known here
 */
export function explainWord(
  words: readonly string[],
  commands: readonly string[],
  terminal: Pick<Terminal, "out">,
): void {
  const { command: name } = askedByWords(words);
  const meaning = meaningOf(name);
  if (meaning !== undefined) {
    terminal.out.line(meaning);
    return;
  }
  const names = commands.filter((one) => one !== "");
  const group = words.slice(0, -1).join(" ");
  const meant = suggestion(words.at(-1) ?? "", group, names) ?? nearest(name, [...names, ...topicNames]);
  const topics = `Topics: ${topicNames.join(", ")}. Run decamp help to see all commands. The README explains more words.`;
  throw new DecampError("usage", `There is no help about '${name}'.`, {
    hint: meant === undefined ? topics : `${meant} ${topics}`,
  });
}
