/**
 * `npm run recording`: walks the guided move with the real command, at a pseudo-terminal and against the servers of
 * this machine, and writes what was on the screen as `docs/guided-move.svg`. What is other in every run is replaced
 * (`shownAs`), so that a second run gives the same picture.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { onScreen } from "../cli/support/pty.ts";
import { startNetwork } from "../network/index.ts";
import { createFilled } from "../network/populate.ts";
import { guidedKeys, masked } from "./guided-keys.ts";
import { pictureOf, shownAs, textOf, type Beat, type Styled } from "./picture.ts";
import { run } from "./run.ts";

const out = new URL("../../docs/guided-move.svg", import.meta.url);
const bin = new URL("../../bin/decamp.js", import.meta.url);
const columns = 80;

if ((await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
const folder = await mkdtemp(path.join(tmpdir(), "decamp-guided-"));
const network = await startNetwork();
try {
  // As in the test whose screens stand in test/e2e/guided: the picture has no line that is not there.
  const name = "guided80";
  const account = await createFilled(network.a, name, { records: 30, blobs: 4, seed: 80 });
  const state = path.join(folder, "state");
  const where = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", state];
  const screen = onScreen(bin, ["migrate", ...where], {}, columns, folder);
  const { answer } = guidedKeys(screen);
  const questions: number[] = [];
  const ask = async (text: string, keys: string): Promise<void> => {
    await answer(text, "");
    questions.push(screen.whole().length);
    screen.type(keys);
  };
  const code = async (to: string, after: number): Promise<string> =>
    (await network.waitForMail({ to, after }, 60_000)).token ?? "";

  await ask("its handle or its DID:", `${account.did}\r`);
  await ask("its address:", `${network.b.url}\r`);
  await ask("Make one now?", "\r");
  await ask("Where to keep it", `\u0015${name}.age\r`);
  await answer("A passphrase for the key file:", "a passphrase\r");
  await answer("The same passphrase once more:", "a passphrase\r");
  await ask("? Your handle on the new server", "\r");
  await ask("? Begin?", "yes\r");
  await answer("? Password of", `${account.password}\r`);
  await ask("? Your e-mail address on the new server", `\u0015${name}@new.example.com\r`);
  await answer("? New password for", "the-new-password\r");
  await answer("? The same password once more", "the-new-password\r");
  for (const _ of ["the key", "the move"]) {
    const asked = Date.now();
    await ask("Type the DID", `${account.did}\r`);
    await answer("? Code from the mail", "");
    await ask("", `${await code(account.email, asked)}\r`);
  }
  const asked = Date.now();
  await ask("Have a code mailed there now, to confirm it?", "\r");
  await answer("? Code from the mail", "");
  await ask("", `${await code(`${name}@new.example.com`, asked)}\r`);
  if ((await screen.ended) !== 0) {
    throw new Error(`the move failed:\n${screen.lines().join("\n")}`);
  }
  const replace = (text: string): string => shownAs(masked([text], { network, folder, did: account.did }));
  const { lines, rowOf } = joined(screen.styled());
  const shown = lines.map((line) => piecesOf(line, replace));
  await writeFile(out, pictureOf(shown, beatsOf(shown, new Set(questions.map((count) => rowOf[count - 1] ?? 0)))));
  console.log(`Written: ${out.pathname}`);
} finally {
  await network.stop();
  await rm(folder, { recursive: true });
}

/** The window rests at questions, longest at the end, and goes slowly over what is long. */
function beatsOf(lines: readonly (readonly Styled[])[], questions: ReadonlySet<number>): Beat[] {
  const beats: Beat[] = [];
  let last = 0;
  for (const [at, pieces] of lines.entries()) {
    const count = at + 1;
    const isStep = /^[✔–]/.test(pieces[0]?.text ?? "");
    // What comes first is short, and nobody waits to see that it moves.
    const atQuestion = beats.length === 0 ? 1 : beats.length < 3 ? 2 : 3;
    const seconds =
      count === lines.length ? 8 : questions.has(count) ? atQuestion : isStep ? 0.6 : count - last >= 12 ? 2 : 0;
    if (seconds > 0) {
      beats.push({ lines: count, seconds });
      last = count;
    }
  }
  return beats;
}

/**
 * Lines with those put together that were broken in the middle of what is replaced: by a prompt, or before a path.
 *
 * @returns them, and for each line of before how many there were up to it
 */
function joined(screen: readonly Styled[][]): { lines: Styled[][]; rowOf: number[] } {
  const lines: Styled[][] = [];
  const rowOf: number[] = [];
  for (const line of screen) {
    const before = lines.at(-1);
    const isAnswer = textOf(before).startsWith(">") && textOf(before).length === columns;
    const isRest = (isAnswer && textOf(line).trim() !== "") || textOf(line).startsWith(folder);
    if (before !== undefined && isRest) {
      before.push(...trimmed(line));
    } else {
      lines.push(trimmed(line));
    }
    rowOf.push(lines.length);
  }
  return { lines, rowOf };
}

/** The line without the white space at its end. */
function trimmed(line: readonly Styled[]): Styled[] {
  const last = line.findLastIndex(({ text }) => text.trim() !== "");
  return line.slice(0, last + 1).map((piece, at) => (at === last ? { ...piece, text: piece.text.trimEnd() } : piece));
}

/** A line with what is other in every run replaced; in one piece where it is broken in the middle of that. */
function piecesOf(line: readonly Styled[], replace: (text: string) => string): Styled[] {
  const whole = replace(textOf(line).trimEnd());
  // White space at the end of a piece is kept.
  const pieces = line.map(({ text, style }) => ({ text: replace(`${text}|`).slice(0, -1), style }));
  return textOf(pieces).trimEnd() === whole ? pieces : [{ text: whole, style: "" }];
}
