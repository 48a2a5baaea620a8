/**
 * The library as npm installs it: what it gives out, and the programs of docs/LIBRARY.md, run as they stand there, by
 * the public names of the servers.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { png } from "../network/pictures.ts";
import { applyWrites, uploadBlob } from "../network/populate.ts";
import { startPublicNames, type PublicNames } from "../network/public-names.ts";
import { seededRandom } from "../network/random.ts";
import { queryBytes } from "../network/xrpc.ts";
import { modulesFile } from "../tools/dist.ts";
import { testKey } from "../tools/plc.ts";
import { publicTypes } from "../tools/public-types.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const node = process.env["DECAMP_NODE"] ?? process.execPath;
const network = connectNetwork(inject("network"));
const run = promisify(execFile);

const posts = ["The first post.", "Ein zweiter, mit ü.", "The last one 🧳"];
let folder = "";
let names: PublicNames;
let account: Account;
/** The programs of the page by their names. */
const programs = new Map<string, string>();

/** What npm would publish, in an empty `node_modules`; beside it, links to the packages that it depends on. */
async function installPackage(): Promise<void> {
  const modules = path.join(folder, "node_modules");
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
    cwd: root,
  });
  await mkdir(path.join(modules, "decamp"), { recursive: true });
  await run("tar", ["-xzf", path.join(folder, stdout.trim()), "-C", path.join(modules, "decamp"), "--strip", "1"]);
  const manifest = JSON.parse(await readFile(path.join(modules, "decamp", "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  for (const name of [...Object.keys(manifest.dependencies), "@types/node"]) {
    await mkdir(path.dirname(path.join(modules, name)), { recursive: true });
    await symlink(path.join(root, "node_modules", name), path.join(modules, name));
  }
}

async function takePrograms(): Promise<void> {
  const page = await readFile(path.join(root, "docs", "LIBRARY.md"), "utf8");
  for (const [, name = "", code = ""] of page.matchAll(/^```js (\S+)\n([\s\S]*?)^```$/gm)) {
    programs.set(name, code);
    await writeFile(path.join(folder, name), code);
  }
  await writeFile(path.join(folder, "package.json"), '{ "type": "module" }');
}

async function makeAccount(): Promise<void> {
  const server = await network.addPds({ name: "library", publicHost: "library.example.com" });
  const hosts = new Map([
    ["plc.directory", network.plcUrl],
    ["library.example.com", server.url],
  ]);
  names = await startPublicNames((host) => hosts.get(host));
  account = await createAccount(server, {
    handle: "rosa.library.example.com",
    email: "reader@example.com",
    password: "the-password",
  });
  const image = await uploadBlob(account, png(seededRandom(14)));
  const createdAt = new Date().toISOString();
  await applyWrites(account, [
    ...posts.map((text, index) => ({
      collection: "app.bsky.feed.post",
      rkey: `3l222222222${index + 2}2`,
      value: { $type: "app.bsky.feed.post", text, createdAt },
    })),
    {
      collection: "app.bsky.actor.profile",
      rkey: "self",
      value: { $type: "app.bsky.actor.profile", displayName: "Reader", avatar: image },
    },
  ]);
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "decamp-library-"));
  await Promise.all([installPackage(), takePrograms(), makeAccount()]);
});
afterAll(async () => {
  await names[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Runs a program of the page. @returns what it prints */
async function runProgram(name: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...names.env, XDG_STATE_HOME: path.join(folder, "state") };
  const { stdout } = await run(node, [name, ...args], { cwd: folder, env });
  return stdout;
}

async function fromDirectory<T>(place: string): Promise<T> {
  return (await (await fetch(`${network.plcUrl}/${account.did}${place}`)).json()) as T;
}

test("the page has the three programs", () => {
  expect([...programs.keys()]).toEqual(["posts.js", "backup.js", "plan.js"]);
});

test("a repository is verified, and its posts are read", async () => {
  const car = await queryBytes(account.pds.url, "com.atproto.sync.getRepo", { params: { did: account.did } });
  await writeFile(path.join(folder, "repo.car"), car);
  const { verificationMethods } = await fromDirectory<{ verificationMethods: { atproto: string } }>("/data");
  const printed = await runProgram("posts.js", "repo.car", account.did, verificationMethods.atproto);
  expect(printed).toBe(`${posts.join("\n")}\n`);

  const { did: another } = await testKey("another");
  await expect(runProgram("posts.js", "repo.car", account.did, another)).rejects.toMatchObject({ code: 1, stdout: "" });
});

test("an account is exported, and the archive verifies", async () => {
  expect(await runProgram("backup.js", account.did, "archive")).toBe("4 records, 1 blobs, 0 not to be had\n");
  const bin = path.join("node_modules", "decamp", "bin", "decamp.js");
  const { stdout } = await run(node, [bin, "verify", "archive", "--json"], { cwd: folder });
  expect(JSON.parse(stdout)).toMatchObject({ type: "result", ok: true, did: account.did, records: 4 });
});

test("an operation is planned, and nothing is sent", async () => {
  const { did: newKey } = await testKey("new");
  const before = await fromDirectory<{ cid: string }[]>("/log/audit");
  const printed: unknown = JSON.parse(await runProgram("plan.js", account.did, newKey));
  expect(printed).toMatchObject({
    operation: { type: "plc_operation", prev: before.at(-1)?.cid },
    differences: [{ field: "rotationKeys[0]", kind: "added", after: newKey }],
  });
  expect(await fromDirectory<unknown>("/log/audit")).toEqual(before);
  // What was seen is remembered where the environment says.
  expect(existsSync(path.join(folder, "state", "decamp", "heads"))).toBe(true);
});

test("what is no account is said in a sentence and a hint", async () => {
  const args = [
    ["backup.js", "nobody", "none"],
    ["plan.js", "nobody"],
  ] as const;
  for (const [name, ...rest] of args) {
    const ended = runProgram(name, ...rest);
    await expect(ended).rejects.toMatchObject({ code: 2, stdout: "" });
    await expect(ended).rejects.toMatchObject({
      stderr: expect.stringMatching(/^[^\n]*nobody[^\n]*\n[^\n]+\n$/) as string,
    });
  }
});

test("the programs and the declarations of the package fit together", async () => {
  const flags = [
    "--noEmit",
    "--skipLibCheck",
    "--allowJs",
    "--checkJs",
    "--strict",
    "--target",
    "es2024",
    "--module",
    "nodenext",
  ];
  const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
  await run(process.execPath, [tsc, ...flags, "--types", "node", ...programs.keys()], { cwd: folder });
});

test("repo and plc load no package, no network, and not the machine that proves", async () => {
  const list = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    await import("decamp/repo");
    await import("decamp/plc");
    console.log(JSON.stringify(loaded));`;
  const { stdout } = await run(node, ["--input-type=module", "--eval", list], { cwd: folder });
  const loaded = JSON.parse(stdout) as string[];
  const modules = JSON.parse(await readFile(path.join(root, modulesFile), "utf8")) as Record<string, string[]>;
  const files = loaded.filter((url) => url.includes("/decamp/dist/")).map((url) => url.split("/decamp/dist/")[1] ?? "");
  const own = files.flatMap((file) => modules[file] ?? [`${file}, of which nothing is known`]);
  expect(own).toContain("repo/records.ts");
  expect(
    own.filter((file) => /^(?:services|account|archive|migration|cli|repo\/proof)\/|nothing is known/.test(file)),
  ).toEqual([]);
  expect(loaded.filter((url) => url.includes("node_modules") && !url.includes("/decamp/dist/"))).toEqual([]);
  const builtin = loaded.filter((url) => url.startsWith("node:"));
  expect(builtin.filter((url) => !["node:crypto", "node:timers/promises"].includes(url))).toEqual([]);
});

const entries = ["index", "repo", "plc"];

test.each(entries)("every type that %s speaks of can be named, and everything has a comment", (entry) => {
  const given = publicTypes(path.join(folder, "node_modules", "decamp", "dist")).entry(entry);
  const places = new Set([...given.values()].map(({ file, name }) => `${file} ${name}`));
  const unnamed = [...given].flatMap(([name, { speaksOf }]) =>
    speaksOf.filter((type) => !places.has(`${type.file} ${type.name}`)).map((type) => `${name}: ${type.name}`),
  );
  expect(unnamed).toEqual([]);
  expect([...given].flatMap(([name, { isDescribed }]) => (isDescribed ? [] : [name]))).toEqual([]);
  // They are called what they are called inside.
  expect([...given].filter(([name, declared]) => declared.name !== name)).toEqual([]);
});

test.each(["repo", "plc"])("what %s gives out, the whole gives out, too", (entry) => {
  const dist = publicTypes(path.join(folder, "node_modules", "decamp", "dist"));
  const whole = dist.entry("index");
  expect([...dist.entry(entry).keys()].filter((name) => !whole.has(name))).toEqual([]);
});

test("no two public types share a name", () => {
  const dist = publicTypes(path.join(folder, "node_modules", "decamp", "dist"));
  const places = new Map<string, Set<string>>();
  for (const [name, { file, isType }] of entries.flatMap((entry) => [...dist.entry(entry)])) {
    if (isType) {
      places.set(name, (places.get(name) ?? new Set()).add(file));
    }
  }
  expect([...places].filter(([, files]) => files.size > 1)).toEqual([]);
});
