/** Opens the log of a run (`--log-file`), before anything happens that it is to tell. */
import { isNowhere } from "../../../services/config-place.ts";
import { LogFile } from "../../../services/disk/named/run-log-file.ts";
import { packageFacts } from "../../../services/package.ts";
import { systemCode } from "../../../services/system-error.ts";
import { ownSystem } from "../../../services/system-rules.ts";
import type { Ready } from "../../command.ts";
import { commandLine } from "../../command-line.ts";
import type { Terminal } from "../terminal.ts";

/**
 * The log is open when it resolves, and says which run it is that of. `/dev/null` stands for none.
 *
 * @throws DecampError `unreadable-file` as LogFile.open
 */
export async function openLog(path: string, { invocation, given }: Ready, terminal: Terminal): Promise<void> {
  if (isNowhere(path)) {
    return;
  }
  const { command, argv, globals } = invocation;
  const { log, err } = terminal;
  log.open(await LogFile.open(path), (error) => {
    const code = systemCode(error) ?? "unknown reason";
    const reason = code === "ENOSPC" ? "there is no room left" : code;
    const message = `The log ${path} cannot be written: ${reason}. The run goes on, and lines are missing there.`;
    if (globals.json === true) {
      err.json({ type: "warning", version: 1, code: "log-incomplete", message });
    } else {
      err.line({ text: "Warning:", style: "yellow" }, " ", message);
    }
  });
  log.record({
    type: "run",
    command,
    line: commandLine(argv),
    decamp: packageFacts.version,
    node: process.version,
    platform: ownSystem,
    ...(given === undefined ? {} : { configuration: { file: given.path, settings: given.values } }),
  });
}
