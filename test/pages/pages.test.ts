/** The pages that people read are followed: every command on them is typed, and what they show is what is seen. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { problemText } from "../transcripts/run.ts";
import { blocksOf, sessionsOf } from "./blocks.ts";
import { install, root, type Installation } from "./install.ts";
import { followPage } from "./run-page.ts";
import { elsewhere, exceptions, followedBy, tables } from "./tables.ts";

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

const followedHere = pages.filter(({ page }) => followedBy[page] === undefined);

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
  const onPages = followedHere.flatMap(({ page, text }) => sessionsOf(text).map((session) => ({ page, ...session })));
  const wanted = onPages.filter(({ command }) => !leaveOut.has(command));
  const other = wanted.filter(({ page, command }) => tables[page]?.typedOn?.[command] !== undefined);
  const own = wanted.filter((one) => !other.includes(one));
  expect(own.length).toBeGreaterThan(20);
  expect(typed.toSorted()).toEqual(own.map(({ page, command }) => `${page}: ${command}`).toSorted());
  // What another page has typed is typed there, and shows nothing here.
  expect(typed).toEqual(
    expect.arrayContaining(other.map(({ page, command }) => `${tables[page]?.typedOn?.[command]}: ${command}`)),
  );
  expect(other.filter(({ stdout }) => stdout.join() !== "...")).toEqual([]);

  expect([...leaveOut].filter((command) => !onPages.some((one) => one.command === command))).toEqual([]);
  expect(Object.keys(exceptions).length).toBeLessThanOrEqual(5);
  for (const [page, file] of Object.entries(followedBy)) {
    expect(await readFile(path.join(root, file), "utf8")).toContain(page);
  }
  for (const { file, by } of Object.values(elsewhere)) {
    expect(await readFile(path.join(root, file), "utf8")).toContain(by);
  }
});

test("every block says what it is", () => {
  const known = new Set(["sh", "console", "text", "js", "json", "yaml", "toml", "ini", "dockerfile"]);
  const faults = followedHere.flatMap(({ page, text }) =>
    blocksOf(text)
      .filter(({ language }) => !known.has(language))
      .map(({ line, language }) => `${page}:${line} ${language}`),
  );
  expect(faults).toEqual([]);
});

test("no page names decamp as a package of the registry, an action or an image, before it is one", () => {
  const names = [
    /\bnpx decamp\b/,
    /\bnpm (?:i|install|exec)\b[^`\n]* decamp\b/,
    /\buses: (?!\.\/)\S*decamp/,
    /\bdocker (?:pull|run)\b[^`\n]*[\w.-]+\/decamp\b/,
    /\b(?:ghcr|docker|quay)\.io\/\S*decamp/,
  ];
  const named = pages.flatMap(({ page, text }) =>
    names.flatMap((name) => Array.from(text.matchAll(new RegExp(name, "g")), ([found]) => `${page}: ${found}`)),
  );
  expect(named).toEqual([]);
});
