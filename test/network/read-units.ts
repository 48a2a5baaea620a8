/** Reads what `decamp insure` prints as systemd, cron and launchd do: for a test that runs it as it stands. */

/** The commands of a crontab, for `sh`, by crontab(5): five fields, and `%` is written `\%`. */
export function cronCommands(text: string): string[][] {
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [, command = ""] = /^(?:\S+ +){4}\S+ +(.*)$/.exec(line) ?? [];
      if (command === "" || /(?<!\\)%/.test(command)) {
        throw new Error(`no line of a crontab, or one with a bare %: ${line}`);
      }
      return ["/bin/sh", "-c", command.replaceAll("\\%", "%")];
    });
}

/** `ProgramArguments` of a property list. */
export function listedStrings(text: string): string[] {
  const [, array = ""] = /<key>ProgramArguments<\/key>\s*<array>(.*?)<\/array>/s.exec(text) ?? [];
  const entities: Readonly<Record<string, string>> = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
  return Array.from(array.matchAll(/<string>([^<]*)<\/string>/g), ([, word = ""]) =>
    word.replaceAll(/&[^;]*;?/g, (entity) => entities[entity] ?? `no entity: ${entity}`),
  );
}

/**
 * The words of every `ExecStart=`, by systemd.service(5): quotes, escapes, `%%`, and from the second word on `$$`. Any
 * other specifier or variable is no word that we meant.
 *
 * @param specifiers what stands for those that are meant, such as `%d`
 */
export function startedWords(unit: string, specifiers: Readonly<Record<string, string>> = {}): string[][] {
  return Array.from(unit.matchAll(/^ExecStart=(.*)$/gm), ([, line = ""]) => wordsOf(line, specifiers));
}

function wordsOf(line: string, specifiers: Readonly<Record<string, string>>): string[] {
  return Array.from(line.matchAll(/"((?:\\.|[^"\\])*)"|([^\s"'\\;]\S*)/g), ([, quoted, bare], index) => {
    const text = quoted === undefined ? (bare ?? "") : quoted.replaceAll(/\\([\\"])/g, "$1");
    const plain = text.replaceAll(/%(.?)/g, (all, letter: string) => {
      const meant = letter === "%" ? "%" : specifiers[all];
      if (meant === undefined) {
        throw new Error(`a specifier that nobody meant: ${all} in ${line}`);
      }
      return meant;
    });
    if (index > 0 && /(?<!\$)(?:\$\$)*\$(?!\$)/.test(plain)) {
      throw new Error(`a variable that nobody meant: ${plain}`);
    }
    return index === 0 ? plain : plain.replaceAll("$$", "$");
  });
}
