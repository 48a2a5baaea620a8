/** Which accounts a run over many of them is about, as they are listed: each an account, or what is wrong with it. */
import type { Listed } from "../../archive/export/export-many.ts";
import { budgets } from "../../data/budgets.ts";
import { DecampError, isDecampError } from "../../errors.ts";
import { parseAccount, type Account } from "../../identity/names.ts";
import { fileLines, streamLines } from "../../services/disk/text-lines.ts";
import type { Services } from "../../services/open.ts";
import type { ServerPatience } from "../../services/servers/server-patience.ts";
import type { Terminal } from "../talk/terminal.ts";

interface AccountsFrom {
  readonly accounts: string | undefined;
  readonly origin: string | undefined;
  readonly services: Pick<Services, "openPds">;
  readonly terminal: Terminal;
  readonly list: { hasAny: boolean };
  /** With the server that has the list. */
  readonly patience: ServerPatience | undefined;
}

/**
 * The accounts of a run: of a text that was given, or all of a server.
 *
 * @param accounts path of the text, `-` for the standard input; undefined for all accounts of the server at `origin`
 * @param list told whether the server's list has had anybody
 * @throws DecampError `unreadable-file` for a text that names nobody or cannot be read; as `Pds.listRepos`
 */
export async function* listAccounts(
  { accounts, origin, services, terminal, list, patience }: AccountsFrom,
  signal: AbortSignal,
): AsyncGenerator<Listed> {
  if (accounts === undefined) {
    const patiently = async <T>(ask: () => Promise<T>): Promise<T> => patience?.through(ask, signal) ?? ask();
    // Whatever a server has in its list it gives for an account.
    for await (const stated of services.openPds(origin ?? "").listRepos(signal, patiently)) {
      list.hasAny = true;
      yield { ...listed(stated.did), stated };
    }
    return;
  }
  let isEmpty = true;
  const lines =
    accounts === "-" ? streamLines(terminal.stdin, "the standard input", signal) : fileLines(accounts, signal);
  for await (const line of lines) {
    const name = line.trim();
    if (name !== "" && !name.startsWith("#")) {
      isEmpty = false;
      yield listed(name);
    }
  }
  if (isEmpty) {
    const what = accounts === "-" ? "The standard input" : accounts;
    throw new DecampError("unreadable-file", `${what} names no account.`, {
      hint: "Give a text with one account in each line.",
    });
  }
}

/** So much is repeated of an entry (letters). */
const shownLetters = 200;

function listed(name: string): Listed {
  const short = name.length > shownLetters ? `${name.slice(0, shownLetters)}…` : name;
  return { name: short === "" ? '""' : short, account: read(name, short) };
}

function read(name: string, short: string): Account | DecampError {
  const most = budgets.entryLength.most;
  if (name.length > most) {
    const message = `This is no account, but longer than ${most} letters: ${JSON.stringify(short)}.`;
    return new DecampError("invalid-account", message);
  }
  try {
    return parseAccount(name);
  } catch (error) {
    if (isDecampError(error)) {
      return error;
    }
    throw error;
  }
}
