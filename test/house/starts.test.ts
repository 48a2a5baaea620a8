/** What each kind of start loads: that is most of what it costs. `npm run bench-start` measures it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Loaded } from "../bench/list-loaded.ts";
import { always, costly, emptyScript, firstWork, prepareStarts, starts } from "../bench/starts.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = path.join(root, "bin/decamp.js");
const folder = mkdtempSync(path.join(tmpdir(), "decamp-starts-"));
beforeAll(() => prepareStarts(folder));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a script loads. Its streams lead nowhere: for a pipe or a terminal Node.js loads more by itself. */
async function loadedBy(name: string, script: string, words: readonly string[]): Promise<Loaded> {
  const list = path.join(folder, `${name}.list`);
  const preload = new URL("../bench/list-loaded.ts", import.meta.url).href;
  const child = spawn(process.execPath, ["--import", preload, script, ...words], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, LOADED_LIST: list },
    stdio: "ignore",
  });
  await once(child, "close");
  return JSON.parse(readFileSync(list, "utf8")) as Loaded;
}

let bare: Loaded;
beforeAll(async () => {
  bare = await loadedBy("bare", path.join(folder, emptyScript), []);
});

test.each([...starts, ...firstWork].map((start, index) => ({ ...start, index })))(
  "decamp $words loads what it needs, and nothing else",
  async ({ words, files, modules, index }) => {
    const loaded = await loadedBy(String(index), bin, words.split(" "));
    const ours = loaded.files.flatMap((url) => /\/dist\/(.*)\.js$/.exec(url)?.[1] ?? []);
    expect([...new Set(ours)].toSorted()).toEqual([...always, ...files].toSorted());
    expect(loaded.files.filter((url) => url.includes("/node_modules/"))).toEqual([]);
    const more = loaded.modules.filter((name) => costly.includes(name) && !bare.modules.includes(name));
    expect(more.toSorted()).toEqual(modules.toSorted());
  },
);
