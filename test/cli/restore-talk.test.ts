/** What a restore says and asks at the edge. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { restoreLines } from "../../src/cli/restore/result.ts";
import { keepTemporaryKey } from "../../src/cli/talk/keys/keep-temporary-key.ts";
import type { Secrets } from "../../src/cli/talk/secrets.ts";
import { commandLine } from "../../src/cli/command-line.ts";
import { withKey } from "../../src/cli/next-command.ts";
import type { Answers } from "../../src/migration/answers.ts";
import type { Context } from "../../src/migration/context.ts";
import type { MigrationResult } from "../../src/migration/events.ts";
import { chooseHandle } from "../../src/migration/handle.ts";

test("a file with a temporary key that cannot be opened is named, and what to do", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-key-"));
  const file = path.join(folder, "temporary-key.age");
  await writeFile(file, "cut off");
  await expect(keepTemporaryKey({ path: file, curve: "k256" }, {} as Secrets)).rejects.toMatchObject({
    code: "key-unusable",
    message: expect.stringContaining(file) as string,
    hint: expect.stringContaining("remove this file") as string,
  });
  await rm(folder, { recursive: true });
});

test("a run that stops where it was asked to says that the identity names a temporary key", () => {
  const known = { did: "did:plc:one", target: "https://new.example", state: "stopped", missingBlobs: [] };
  const complete = withKey(commandLine, ["--rotation-key-file", "my key.age"]);
  const text = (isTemporary: boolean): string =>
    restoreLines(known as unknown as MigrationResult, undefined, { until: "import-repo", isTemporary, complete })
      .flatMap((line) => line.map((piece) => (typeof piece === "string" ? piece : piece.text)))
      .join("\n");
  expect(text(true)).toContain("names a temporary signing key");
  expect(text(true)).toContain(
    "decamp restore cancel did:plc:one --to https://new.example --rotation-key-file 'my key.age'\n",
  );
  expect(text(false)).not.toContain("temporary");
});

test("a handle that nobody typed is not said to have failed", async () => {
  const asked: Parameters<Answers["targetHandle"]>[0][] = [];
  const names = ["alice.old.example.com", "x.old.example.com", "alice.new.example.com"];
  const context = {
    answers: {
      canAskAgain: true,
      targetHandle: async (question: (typeof asked)[number]) => {
        asked.push(question);
        return Promise.resolve(names.shift() ?? "");
      },
    },
    identity: { handle: "alice.old.example.com", did: "did:plc:one" },
    targetDescription: { availableUserDomains: [".new.example.com"] },
    options: {},
    hasJournal: false,
    warn: () => undefined,
    services: {
      handles: { resolve: async () => Promise.resolve(undefined) },
      openPds: () => ({ describe: async () => Promise.resolve({}) }),
    },
    target: { host: "new.example.com", resolveHandle: async () => Promise.resolve("did:plc:one") },
    where: {},
    signal: AbortSignal.timeout(10_000),
  } as unknown as Context;
  await chooseHandle(context, [".pds.example.com"]);
  expect(asked.map(({ keep, reason }) => [keep, reason === undefined])).toEqual([
    [true, true],
    [false, true],
    [false, false],
  ]);
  expect(context.newHandle).toBe("alice.new.example.com");
});
