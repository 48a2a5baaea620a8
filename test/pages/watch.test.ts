/**
 * docs/WATCH.md: its programs are run as they stand there, with something in the place of what sends; its commands are
 * typed in a transcript.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { root } from "./install.ts";
import { blocksOf } from "./blocks.ts";

const page = readFileSync(path.join(root, "docs/WATCH.md"), "utf8");
const blocks = blocksOf(page).map(({ lines }) => lines);
const event = blocks.find(([first = ""]) => first.startsWith("# Sets text")) ?? [];
const programs = blocks.filter(([first]) => first === "#!/bin/sh");
const folder = mkdtempSync(path.join(tmpdir(), "decamp-page-"));
afterAll(() => rmSync(folder, { recursive: true }));

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const cid = `bafyrei${"a".repeat(52)}`;

/** What a program hands on to that which sends: arguments, and standard input. */
function tellsOf(lines: readonly string[], told: object): string {
  writeFileSync(path.join(folder, "event.sh"), `${event.join("\n")}\n`);
  writeFileSync(path.join(folder, "tell-me"), `${lines.join("\n")}\n`, { mode: 0o700 });
  for (const name of ["sendmail", "curl", "notify-send"]) {
    const input = name === "notify-send" ? "" : "cat; ";
    writeFileSync(path.join(folder, name), `#!/bin/sh\necho "$@"; ${input}\n`, { mode: 0o700 });
  }
  const env = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
  const { stdout, status } = spawnSync("sh", ["tell-me"], {
    cwd: folder,
    env,
    input: JSON.stringify(told),
    encoding: "utf8",
  });
  expect(status).toBe(0);
  return stdout;
}

const hasJq = spawnSync("sh", ["-c", "command -v jq"]).status === 0;

test.skipIf(!hasJq)("the examples hand on the DID and the CID, and nothing else of an event (needs jq)", () => {
  expect(programs).toHaveLength(3);
  for (const lines of programs) {
    expect(tellsOf(lines, { event: "operation", did, cid, handle: "evil.example" })).toMatch(
      `Account: ${did}. Operation: ${cid}.`,
    );
    const hostile = tellsOf(lines, { did: "$(touch gone)", cid: `${cid}\nSubject: other`, message: "evil" });
    expect(hostile).toContain("Account: none.");
    expect(hostile).not.toMatch(/touch|other|evil/);
  }
});

test("its commands are typed in a transcript", () => {
  const commands = blocksOf(page).flatMap(({ lines }) => lines.filter((line) => line.startsWith("decamp plc watch")));
  expect(commands.length).toBeGreaterThan(2);
  const transcript = readFileSync(path.join(root, "test/transcripts/plc-watch.txt"), "utf8");
  for (const command of commands) {
    expect(transcript).toContain(`$ ${command.replace(/did:key:.*$/, "did:key:")}`);
  }
});
