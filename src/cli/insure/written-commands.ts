/** A command that was typed in one folder, and is run by a timer in another one. */
import { quoted } from "./shell-line.ts";

/** A first word with a folder in it that does not begin at the root or at the home of somebody. */
const relativeProgram =
  /^(?:(?![/~])(?<plain>[\w@%+:,.-]*\/[\w@%+:,./-]+)|(?<quote>['"])(?![/~])(?<inner>[^'"$`\\]*\/[^'"$`\\]+)\k<quote>)(?=$|[\s;&|<>()])/;

/** The same as any other word. */
const relativeWord = /(?:^|[\s"'=<>|;&(])\.{1,2}\//;

/**
 * The same command for whoever runs it elsewhere: a program that is named by a path has the whole path.
 *
 * @param whole makes a path whole
 */
export function wholeCommand(command: string, whole: (path: string) => string): string {
  const { plain, inner } = relativeProgram.exec(command)?.groups ?? {};
  const path = plain ?? inner;
  return path === undefined ? command : quoted(whole(path)) + command.replace(relativeProgram, "");
}

/** Whether it still names something by a path that begins in the folder where it was typed. */
export function isLocal(command: string): boolean {
  return relativeWord.test(command);
}
