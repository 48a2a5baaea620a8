/** The pages that people read are followed: every command on them is typed, and what they show is what is seen. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { problemText } from "../transcripts/run.ts";
import { blocksOf, sessionsOf } from "./blocks.ts";
import { install, type Installation } from "./install.ts";
import { followPage, root } from "./run-page.ts";
import { elsewhere, exceptions, tables } from "./tables.ts";

vi.setConfig({ maxConcurrency: 2, testTimeout: 300_000 });

const network = connectNetwork(inject("network"));
const leaveOut = new Set([...Object.keys(exceptions), ...Object.keys(elsewhere)]);
const typed: string[] = [];
let folder = "";
let installation: Installation;

const docs = (await readdir(path.join(root, "docs"))).filter((name) => name.endsWith(".md")).sort();
const pages = await Promise.all(
  ["README.md", ...docs.map((name) => `docs/${name}`)].map(async (page) => ({
    page,
    text: await readFile(path.join(root, page), "utf8"),
  })),
);

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-pages-"));
  installation = await install(folder);
});
afterAll(async () => rm(folder, { recursive: true }));

test.concurrent.for(Object.entries(tables))("%s", async ([page, table]) => {
  const followed = await followPage(page, { leaveOut, ...table }, { network, installation });
  typed.push(...followed.typed.map((command) => `${page}: ${command}`));
  expect(problemText(followed.problems)).toBe("");
});

test("commands on the pages = commands run, but for five at the most", async () => {
  const onPages = pages.flatMap(({ page, text }) =>
    sessionsOf(text).map(({ command }) => ({ command, place: `${page}: ${command}` })),
  );
  const notTyped = onPages.filter(({ command }) => !leaveOut.has(command)).map(({ place }) => place);
  expect(typed.toSorted()).toEqual(notTyped.toSorted());
  expect([...leaveOut].filter((command) => !onPages.some((one) => one.command === command))).toEqual([]);
  expect(Object.keys(exceptions).length).toBeLessThanOrEqual(5);
  for (const { file, by } of Object.values(elsewhere)) {
    expect(await readFile(path.join(root, file), "utf8")).toContain(by);
  }
});

test("every block says what it is", () => {
  const known = new Set(["sh", "console", "text", "js", "json", "yaml", "toml", "ini", "dockerfile"]);
  const faults = pages.flatMap(({ page, text }) =>
    blocksOf(text)
      .filter(({ language }) => !known.has(language))
      .map(({ line, language }) => `${page}:${line} ${language}`),
  );
  expect(faults).toEqual([]);
});
