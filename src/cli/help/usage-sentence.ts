/** What commander says of a line that it does not understand, in the words of decamp. */
import type { Command } from "commander";
import { nameOf } from "../every-command.ts";

/**
 * A sentence that names what is missing or wrong as it is typed, and says what it is.
 *
 * @param code commander's
 * @param message commander's, without `error:` and without what it suggests
 */
export function usageSentence(code: string, message: string, command: Command): string {
  const [, quoted = ""] = /'([^']*)'/.exec(message) ?? [];
  const option = command.options.find(({ flags }) => flags === quoted);
  const flag = option?.long ?? quoted;
  switch (code) {
    case "commander.missingArgument": {
      const argument = command.registeredArguments.find((one) => one.name() === quoted);
      return `<${quoted}> is missing: ${argument?.description ?? ""}.`;
    }
    case "commander.missingMandatoryOptionValue":
      return `${flag} is missing: ${option?.description ?? ""}.`;
    case "commander.optionMissingArgument":
      return `${flag} needs a value: ${option?.description ?? ""}.`;
    case "commander.excessArguments": {
      const most = command.registeredArguments.length;
      const takes = most === 0 ? "no argument" : most === 1 ? "1 argument" : `${most} arguments`;
      return `decamp ${nameOf(command)} takes ${takes}, and got ${command.args.length}: ${command.args.join(", ")}.`;
    }
    case "commander.invalidArgument": {
      const [, value = "", rest = ""] = /argument(?: value)? '(.*?)' is invalid[^.]*\. (.*)$/s.exec(message) ?? [];
      const [, name] = / for argument '([^']*)'/.exec(message) ?? [];
      return `${name === undefined ? flag : `<${name}>`}: '${value}' will not do. ${choice(rest)}`;
    }
    default:
      return `${message.charAt(0).toUpperCase()}${message.slice(1)}`.replace(/([^.?!])$/, "$1.");
  }
}

/** Its choices as a sentence. */
function choice(text: string): string {
  const [, words] = /^Allowed choices are (.*)\.$/.exec(text) ?? [];
  return words === undefined ? text : `It must be ${words.replace(/, ([^,]*)$/, " or $1")}.`;
}
