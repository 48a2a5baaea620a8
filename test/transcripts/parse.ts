/**
 * Transcripts: a session of commands with what they print, how they end and the files that they leave, as a person
 * reads it.
 *
 *     # What this is about. Lines with # are remarks, anywhere.
 *     set NAME=VALUE                        for all commands
 *     account alice records=20 blobs=2      alice.example.com, her own domain, at pds.example.com; "the-old-password"
 *     server pds.example.org                one more server; without account and server there is no network
 *     home pds.example.net                  where the accounts are, if not at pds.example.com
 *     copy plc-log.json fixtures/a.json log a file of the house, or one field of it
 *     file password.txt                     a file with the lines that are indented below it
 *     program read-mail                     the same, and it can be run: as ./read-mail, and by its name alone
 *     mode 500 photos                       what may be done with a file, or in a folder (made if there is none)
 *     terminal stdin stderr                 these are terminals (only where no shell runs it: in-process.ts)
 *
 *     $ decamp verify alice.car \
 *         --online
 *     what it writes to stdout
 *     1| the same, for lines that would be read as something else
 *     2| what it writes to stderr
 *     [exit 3]                              if it does not end with 0
 *     files:                                all files that there are now, but for those that are as they were put there
 *       backup/README.txt
 *       backup/blobs/ (2 files)
 *       - password.txt                      was put there, and is gone; with ~ it has been changed
 *
 * Commands are run by a shell, in a folder that is their home. They have no terminal and nothing on their standard
 * input. With a network, the names of the help lead to servers of the bed, https://plc.directory to its directory.
 * Mails to alice go to alice@TRANSCRIPT.example.com, and `$MAILBOX ADDRESS "$BEGAN"` prints the code of one that came
 * since the command began.
 *
 * What differs from run to run is named: `<cid>`, `<cid-before>`. It has to look like its kind (see match.ts), and
 * wherever the same name stands in the transcript, in commands too, it is the same. `<did-alice>` is known from the
 * start if there is an account alice. A line `...` stands for any lines. A line that begins with `{` is JSON, over as
 * many lines as it takes; `...` in it stands for any further fields or entries.
 */

/** What has to be there before the first command. */
export interface Setting {
  readonly env: Readonly<Record<string, string>>;
  readonly accounts: readonly { readonly name: string; readonly records: number; readonly blobs: number }[];
  readonly servers: readonly string[];
  /** Where the accounts are; `pds.example.com` unless named. */
  readonly home?: string;
  readonly files: readonly GivenFile[];
  readonly modes?: readonly { readonly name: string; readonly mode: number }[];
  readonly terminals?: readonly string[];
}

export interface GivenFile {
  readonly name: string;
  readonly isProgram: boolean;
  /** What is in it, or where that lies in the house. */
  readonly content: string | { readonly path: string; readonly field: string | undefined };
}

/** One command, and what is expected of it. */
export interface Session {
  /** Of the line with the `$`, from 1. */
  readonly line: number;
  readonly command: string;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly exitCode: number;
  /** Undefined where nobody says. */
  readonly files: readonly string[] | undefined;
}

export interface Transcript {
  readonly setting: Setting;
  readonly sessions: readonly Session[];
}

/** Whether it needs servers. */
export function needsNetwork({ setting }: Transcript): boolean {
  return setting.accounts.length + setting.servers.length > 0;
}

/** Reads a transcript. @throws Error with the number of the line that nobody understands */
export function parseTranscript(text: string): Transcript {
  const lines = text.split("\n").map((line) => line.trimEnd());
  const first = lines.findIndex((line) => line.startsWith("$ "));
  if (first === -1) {
    throw new Error("a transcript needs a command");
  }
  const starts = lines.flatMap((line, index) => (index >= first && line.startsWith("$ ") ? [index] : []));
  const sessions = starts.map((start, index) => readSession(lines.slice(start, starts[index + 1]), start + 1));
  return { setting: readSetting(lines.slice(0, first)), sessions };
}

/** What has to be there, from the lines that say so. @throws Error with the number of a line that nobody understands */
export function readSetting(lines: readonly string[]): Setting {
  const env: Record<string, string> = {};
  const accounts: Setting["accounts"][number][] = [];
  const servers: string[] = [];
  let home: string | undefined;
  const files: GivenFile[] = [];
  const modes: NonNullable<Setting["modes"]>[number][] = [];
  const terminals: string[] = [];
  for (const [index, line] of lines.entries()) {
    const [word = "", name = "", ...rest] = line.split(" ");
    if (line === "" || word === "#" || line.startsWith("  ")) {
      continue;
    }
    switch (word) {
      case "set": {
        const [, key = "", value = ""] = understood(/^set ([A-Z_]+)=(.+)$/, line, index);
        env[key] = value;
        break;
      }
      case "account": {
        const [, records, blobs] = understood(/^account [a-z]+ records=([0-9]+) blobs=([0-9]+)$/, line, index);
        accounts.push({ name, records: Number(records), blobs: Number(blobs) });
        break;
      }
      case "server":
        servers.push(name);
        break;
      case "home":
        home = name;
        break;
      case "mode": {
        const [, mode = "", place = ""] = understood(/^mode ([0-7]{3}) (\S+)$/, line, index);
        modes.push({ name: place, mode: Number.parseInt(mode, 8) });
        break;
      }
      case "terminal":
        terminals.push(name, ...rest);
        break;
      case "copy":
        files.push({ name, isProgram: false, content: { path: rest[0] ?? "", field: rest[1] } });
        break;
      case "file":
      case "program": {
        const end = lines.findIndex((other, at) => at > index && !other.startsWith("  "));
        const own = lines.slice(index + 1, end === -1 ? lines.length : end).map((other) => `${other.slice(2)}\n`);
        files.push({ name, isProgram: word === "program", content: own.join("") });
        break;
      }
      default:
        throw notUnderstood(line, index);
    }
  }
  return { env, accounts, servers, ...(home === undefined ? {} : { home }), files, modes, terminals };
}

function understood(form: RegExp, line: string, index: number): RegExpExecArray {
  const found = form.exec(line);
  if (found === null) {
    throw notUnderstood(line, index);
  }
  return found;
}

function notUnderstood(line: string, index: number): Error {
  return new Error(`line ${index + 1} of the transcript is not understood: ${line}`);
}

function readSession(lines: readonly string[], line: number): Session {
  const last = lines.findIndex((one) => !one.endsWith("\\"));
  const command = lines
    .slice(0, last + 1)
    .join("\n")
    .slice(2);
  const out: string[] = [];
  const err: string[] = [];
  let exitCode = 0;
  let files: string[] | undefined;
  for (const [index, text] of lines.slice(last + 1).entries()) {
    const [, number] = /^\[exit ([0-9]+)\]$/.exec(text) ?? [];
    if (text === "#" || text.startsWith("# ")) {
      continue;
    }
    if (number !== undefined) {
      exitCode = Number(number);
    } else if (text === "files:") {
      files = [];
    } else if (files !== undefined && text !== "") {
      if (!text.startsWith("  ")) {
        throw new Error(`line ${line + last + 1 + index} of the transcript stands among files: ${text}`);
      }
      files.push(text.slice(2));
    } else if (text === "2|" || text.startsWith("2| ")) {
      err.push(text.slice(3));
    } else if (files === undefined) {
      out.push(text.startsWith("1| ") ? text.slice(3) : text);
    }
  }
  return { line, command, stdout: withoutEnds(out), stderr: withoutEnds(err), exitCode, files };
}

/** Empty lines before and behind separate the commands, and are not looked at. */
export function withoutEnds(lines: readonly string[]): string[] {
  const from = lines.findIndex((line) => line !== "");
  return from === -1 ? [] : lines.slice(from, lines.findLastIndex((line) => line !== "") + 1);
}
