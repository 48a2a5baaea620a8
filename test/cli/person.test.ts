import { expect, test } from "vitest";
import { onScreen, type Screen } from "./support/pty.ts";

const endOfInput = "\u0004";
const escape = "\u001b[";
/** What was written to set colours and the like. */
const styles = (screen: Screen): string[] =>
  screen
    .raw()
    .split(escape)
    .slice(1)
    .filter((rest) => /^[0-9;]*m/.test(rest));

const move = new URL("support/move.ts", import.meta.url);

async function watched(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Screen> {
  const screen = onScreen(move, args, env);
  await screen.answers("10 of 40 blobs", endOfInput);
  expect(await screen.ended).toBe(0);
  return screen;
}

test("a person sees a bar while a step runs, and one line for each that is over", async () => {
  const screen = onScreen(move, []);
  await screen.answers("Transfer the blobs  █████░░░░░░░░░░░░░░░ 10 of 40 blobs", endOfInput);
  expect(await screen.ended).toBe(0);
  const lines = screen.lines().filter((line) => line !== "");
  expect(lines).toEqual([
    "– Prove the archive  nothing to do",
    "Warning: A blob\\u{1b}[2J was slow.",
    "✔ Transfer the blobs  40 blobs",
  ]);
  expect(screen.raw()).toContain(`${escape}32m✔`);
});

test("without colour where none is wanted", async () => {
  for (const [args, env] of [
    [["--no-color"], {}],
    [[], { NO_COLOR: "1" }],
  ] as const) {
    const screen = await watched(args, env);
    expect(screen.lines()).toContain("✔ Transfer the blobs  40 blobs");
    expect(styles(screen)).toEqual([]);
  }
});

test("in ASCII where the terminal shows no more", async () => {
  const screen = await watched([], { LANG: "C" });
  expect(screen.raw()).toContain("#####---------------");
  expect(screen.lines()).toContain("done Transfer the blobs  40 blobs");
  expect(Buffer.from(screen.raw()).every((byte) => byte < 128)).toBe(true);
});
