/** `decamp plc watch` against a real directory, and one in front of it that hides. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, expect, inject, test } from "vitest";
import { openNetwork } from "../../src/services/open-network.ts";
import { fetchExport } from "../../src/services/servers/plc-export.ts";
import { createAccount, type NewAccount } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { startHidingDirectory } from "../network/hiding-directory.ts";
import { addOwnParts, auditLog, changeIdentity, lastOperation } from "../network/identity.ts";
import { runDecamp, startDecamp } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const preload = new URL("../faults/hurry.ts", import.meta.url);
const folder = mkdtempSync(path.join(tmpdir(), "decamp-watch-"));
afterAll(() => rmSync(folder, { recursive: true }));

const newAccount = (name: string): NewAccount => ({
  handle: `${name}.a.test`,
  email: `${name}@mail.example.com`,
  password: "the-old-password",
});

interface Event {
  type: string;
  event?: string;
  cid?: string;
  directory?: string;
  undo?: { next: string; keys: string[]; seconds: number; until: string };
  ifYours?: string;
  events?: number;
  message?: string;
}

test("a theft is told, also where a directory hides it, and the printed line undoes it", async () => {
  const account = await createAccount(network.a, newAccount("watched-one"));
  const { did } = account;
  const key = await addOwnParts(network, account);
  const front = await startHidingDirectory(network.plcUrl);
  const state = ["--allow-private-hosts", "--state-dir", path.join(folder, "state")];
  const told = path.join(folder, "told");
  const pings = path.join(folder, "pings");
  const pinged = (): number => (existsSync(pings) ? readFileSync(pings, "utf8").split("\n").length - 1 : 0);
  const look = async (...flags: string[]): Promise<{ code: number | null; events: Event[] }> => {
    const named = ["--own-key", key.didKey, "--ping-command", `echo >> '${pings}'`];
    const args = ["plc", "watch", did, "--once", "--json", ...named, ...state, ...flags];
    const { code, stdout, stderr } = await runDecamp(args, { env: { PLC_SIGNING_KEY: key.privateKeyHex }, preload });
    expect(stderr).toBe("");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Event);
    expect(lines.at(-1)).toMatchObject({ type: "result", events: lines.length - 1 });
    return { code, events: lines.slice(0, -1) };
  };
  try {
    // Nothing is remembered: what the server signed just now is of the last 72 hours, so it is told; once, since no key
    // stood above it.
    const own = (await auditLog(network.plcUrl, did)).at(-1)?.cid;
    expect(await look("--plc-url", front.url)).toMatchObject({ code: 3, events: [{ event: "operation", cid: own }] });
    expect(pinged()).toBe(0);
    expect(await look("--plc-url", front.url)).toEqual({ code: 0, events: [] });
    expect(pinged()).toBe(1);

    await changeIdentity(network, account, (last) => ({
      rotationKeys: last.rotationKeys.filter((one) => one !== key.didKey),
    }));
    const theft = (await auditLog(network.plcUrl, did)).at(-1)?.cid ?? "";
    front.hidden.add(theft);
    expect(await look("--plc-url", front.url)).toEqual({ code: 0, events: [] });
    const both = ["--plc-url", front.url, "--second-directory", network.plcUrl];
    // What nobody takes is told by each look, until somebody says whose it is.
    const memory = ["--memory", path.join(folder, "second")];
    for (const cids of [[own, theft], [theft]]) {
      const told = (await look(...memory, "--plc-url", network.plcUrl)).events;
      expect(told.map(({ cid }) => cid)).toEqual(cids);
      const [program, ...words] = (told.at(-1)?.ifYours ?? "").split(" ");
      expect(program).toBe("decamp");
      if (cids.length === 1) {
        expect(await runDecamp(words)).toMatchObject({ code: 0, stdout: "Nothing to tell of 1 account.\n" });
      }
    }
    expect(await look(...memory, "--plc-url", network.plcUrl)).toEqual({ code: 0, events: [] });
    const found = await look(...both, "--notify-command", `cat >> '${told}'; env >> '${told}.env'`);
    expect(found).toMatchObject({
      code: 3,
      events: [
        { event: "operation", cid: theft, directory: new URL(network.plcUrl).host, undo: { keys: [key.didKey] } },
        { event: "hidden", cid: theft, directory: new URL(front.url).host },
      ],
    });
    const heard = readFileSync(told, "utf8").trim().split("\n");
    expect(heard.map((line) => JSON.parse(line) as Event)).toEqual(found.events);
    const around = readFileSync(`${told}.env`, "utf8");
    expect(around).toContain("PATH=");
    expect([key.privateKeyHex, theft, did].filter((text) => around.includes(text))).toEqual([]);

    const [event] = found.events;
    const keyFile = path.join(folder, "key.txt");
    writeFileSync(keyFile, key.privateKeyHex, { mode: 0o600 });
    const line = event?.undo?.next.replace(" FILE", ` '${keyFile}'`) ?? "";
    const bin = path.resolve("bin/decamp.js");
    const script = `decamp() { "${process.execPath}" "${bin}" "$@"; }; ${line} --confirm-did ${did} -q`;
    execFileSync("sh", ["-c", script], { stdio: "pipe" });
    expect((await lastOperation(network.plcUrl, did)).rotationKeys[0]).toBe(key.didKey);

    // What the own key signed is nobody else's, and a directory that is away is no reason to be calm.
    front.hidden.clear();
    expect(await look(...both)).toEqual({ code: 0, events: [] });
    front.isAway = true;
    const before = pinged();
    expect(await look("--plc-url", front.url, "--memory", path.join(folder, "none"))).toEqual({ code: 5, events: [] });
    expect(pinged()).toBe(before);
  } finally {
    await front.stop();
  }
});

test("a directory exports by time and by number, and a watch is left calmly", async () => {
  const account = await createAccount(network.a, newAccount("watched-two"));
  const { http, close } = openNetwork({ plcUrl: network.plcUrl, allowPrivateHosts: true });
  try {
    const { signal } = new AbortController();
    const [genesis] = await auditLog(network.plcUrl, account.did);
    const made = Date.parse(genesis?.createdAt ?? "");
    const byTime = await fetchExport(http, network.plcUrl, { time: made - 1 }, signal);
    expect(byTime?.find(({ did }) => did === account.did)).toEqual({ did: account.did, cid: genesis?.cid, time: made });
    expect(await fetchExport(http, network.plcUrl, { time: made + 3_600_000 }, signal)).toEqual([]);
    const byNumber = await fetchExport(http, network.plcUrl, { seq: 0 }, signal);
    const line = byNumber?.find(({ did }) => did === account.did);
    expect(line).toMatchObject({ cid: genesis?.cid, time: made, seq: expect.any(Number) as number });
    const later = await fetchExport(http, network.plcUrl, { seq: line?.seq ?? 0 }, signal);
    expect(later?.some(({ did }) => did === account.did)).toBe(false);
  } finally {
    close();
  }
  const pings = path.join(folder, "pings-two");
  const state = ["--allow-private-hosts", "--state-dir", path.join(folder, "two")];
  const words = ["plc", "watch", account.did, "--ping-command", `echo >> '${pings}'`, "--plc-url", network.plcUrl];
  const run = startDecamp([...words, ...state]);
  // The first round has ended well then.
  await until(() => existsSync(pings), run.ended);
  // A timer that looks meanwhile finds the memory free.
  expect(await lookAt([...words.slice(2), ...state])).toMatchObject({ code: 0, said: "" });
  run.child.kill("SIGINT");
  const { code, stderr } = await run.ended;
  expect(code).toBe(130);
  const host = new URL(network.plcUrl).host;
  expect(stderr).toContain(`Watching 1 account at ${host}. Ctrl-C ends that.\n`);
  const [, said] = stderr.split("Stopped. ");
  expect(said).toMatch(
    /^1 account was watched at localhost:\d+ since [^;]*; nothing was noticed\. To go on from here, run:\n {2}decamp plc watch /,
  );
  expect(said).toContain(account.did);
});

/** A look at what goes wrong: how it ended, the events, the result, and what else was said. */
async function lookAt(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; events: Event[]; result: Event | undefined; said: string }> {
  const full = ["plc", "watch", ...args, "--once", "--json", "--allow-private-hosts"];
  const { code, stdout, stderr } = await runDecamp(full, { preload, env });
  const lines = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Event);
  const ofType = (type: string): Event[] => lines.filter((line) => line.type === type);
  const said = [...ofType("warning").map(({ message = "" }) => message), stderr].join("\n");
  return { code, events: ofType("watch"), result: ofType("result")[0], said };
}

test("an operation is told until somebody takes it, and what is told knows nothing of our job", async () => {
  const account = await createAccount(network.a, newAccount("watched-three"));
  const { did } = account;
  const key = await addOwnParts(network, account);
  const front = await startHidingDirectory(network.plcUrl);
  const state = ["--plc-url", front.url, "--state-dir", path.join(folder, "three"), "--own-key", key.didKey];
  expect(await lookAt([did, ...state, "--notify-command", "true"])).toMatchObject({ code: 3 });
  await changeIdentity(network, account, (last) => ({
    rotationKeys: last.rotationKeys.filter((one) => one !== key.didKey),
  }));
  const theft = (await auditLog(network.plcUrl, did)).at(-1)?.cid ?? "";
  const job = { DECAMP_INSURED: "watch-three", HOME: folder };
  const began = performance.now();
  const deaf = await lookAt([did, ...state, "--notify-command", "exit 1"], job);
  // What would be tried again in five minutes (30 seconds here) keeps nobody.
  expect(performance.now() - began).toBeLessThan(25_000);
  expect(deaf).toMatchObject({ code: 3, events: [{ event: "operation", cid: theft }] });
  expect(deaf.said).toContain("ended with exit code 1");
  // One that has passed it on has told nobody yet, either.
  const passed = await lookAt([did, ...state, "--notify-command", "exit 8"], job);
  expect(passed).toMatchObject({ code: 3, events: [{ event: "operation", cid: theft }], said: "" });
  // A watch that is asked to end while the command hangs, and the directory, too, ends; and nothing counts as told.
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const started = path.join(folder, `started-${signal}`);
    const hanging = ["--notify-command", `trap '' TERM INT; touch '${started}'; sleep 8; touch '${started}.end'`];
    front.hangs = false;
    const run = startDecamp(["plc", "watch", did, ...state, "--allow-private-hosts", ...hanging], { preload });
    await until(() => existsSync(started), run.ended);
    front.hangs = true;
    run.child.kill(signal);
    expect(await once(run.child, "exit")).toEqual([130, null]);
    // It has not waited for the command, which listens to nobody.
    expect(existsSync(`${started}.end`)).toBe(false);
  }
  front.hangs = false;
  const told = path.join(folder, "told-three");
  const heard = await lookAt([did, ...state, "--notify-command", `cat >> '${told}'; env >> '${told}.env'`], job);
  expect(heard).toMatchObject({ code: 3, events: [{ event: "operation", cid: theft }], said: "" });
  expect(readFileSync(told, "utf8")).toContain(theft);
  const around = readFileSync(`${told}.env`, "utf8").split("\n");
  expect(around.filter((line) => /^(?:DECAMP_INSURED|PLC_)/.test(line))).toEqual([]);
  expect(around).toContain("DECAMP_FAILED=watch-three");
  const { next = "", until: end = "" } = heard.events[0]?.undo ?? {};
  const notice = around.find((line) => line.startsWith("DECAMP_NOTICE=")) ?? "";
  expect([did, theft, end, next, heard.events[0]?.ifYours].filter((part = "none") => !notice.includes(part))).toEqual(
    [],
  );
  expect(await lookAt([did, ...state])).toMatchObject({ code: 0, events: [] });
  await front.stop();
});

test("a memory that is damaged, or cannot be kept, is said, and ends no watch", async () => {
  const account = await createAccount(network.a, newAccount("watched-four"));
  const { did } = account;
  const key = await addOwnParts(network, account);
  const state = path.join(folder, "four");
  const flags = ["--plc-url", network.plcUrl, "--own-key", key.didKey, "--notify-command", "true"];
  expect(await lookAt([did, ...flags, "--state-dir", state])).toMatchObject({ code: 3 });
  expect(await lookAt([did, ...flags, "--state-dir", state])).toMatchObject({ code: 0, said: "" });
  const memory = path.join(state, "watch", "heads.json");
  for (const damage of ["{}", "", "[1"]) {
    writeFileSync(memory, damage);
    const found = await lookAt([did, ...flags, "--state-dir", state]);
    expect(found).toMatchObject({ code: 3, events: [{ event: "operation" }] });
    expect(found.said).toContain(memory);
    expect(readFileSync(`${memory}.damaged`, "utf8")).toBe(damage);
    expect(await lookAt([did, ...flags, "--state-dir", state])).toMatchObject({ code: 0, said: "" });
  }
  mkdirSync(path.join(state, "heads"), { recursive: true, mode: 0o700 });
  writeFileSync(path.join(state, "heads", `${did.replaceAll(":", "-")}.json`), "", { mode: 0o600 });
  const [emptyHead, file] = [await lookAt([did, ...flags, "--state-dir", state]), path.join(folder, "a-file")];
  expect(emptyHead).toMatchObject({ code: 0, events: [] });
  expect(emptyHead.said).toContain("seen last");
  // Nothing can be made below a file, whoever runs this.
  writeFileSync(file, "");
  const nowhere = await lookAt([did, ...flags, "--state-dir", path.join(file, "state")]);
  expect(nowhere).toMatchObject({ code: 3, events: [{ event: "operation" }] });
  expect(nowhere.said).toContain(file);
  // A file that was named may be anything.
  const named = path.join(folder, "named.txt");
  writeFileSync(named, "dear diary", { mode: 0o600 });
  expect(await lookAt([did, ...flags, "--state-dir", state, "--memory", named])).toMatchObject({ code: 3 });
  expect(readFileSync(named, "utf8")).toBe("dear diary");
});

test("what answers in a directory's place is no answer, and rings only after a day", async () => {
  const [one, two, three] = [
    await createAccount(network.a, newAccount("watched-five")),
    await createAccount(network.a, newAccount("watched-six")),
    await createAccount(network.a, newAccount("watched-seven")),
  ];
  const dids = [one.did, two.did, three.did];
  const front = await startHidingDirectory(network.plcUrl);
  const { host } = new URL(front.url);
  const state = path.join(folder, "five");
  const args = [...dids, "--plc-url", front.url, "--state-dir", state];
  try {
    front.instead = { status: 404, type: "text/html", text: "<html>404 Not Found</html>" };
    expect(await lookAt(args)).toMatchObject({ code: 5, events: [], result: { ok: false, unanswered: [host] } });
    front.instead = undefined;
    expect(await lookAt(args)).toMatchObject({ code: 0, events: [] });
    for (const instead of [
      { status: 404, type: "text/html", text: "<html>404 Not Found</html>" },
      { status: 200, type: "text/html", text: "<html>Please sign in</html>" },
      { status: 200, type: "application/json", text: "{}" },
      { status: 503, type: "application/json", text: "{}" },
    ]) {
      front.instead = instead;
      const found = await lookAt(args);
      expect(found).toMatchObject({ code: 0, events: [], result: { ok: true, unanswered: [host] } });
    }
    const memory = path.join(state, "watch", "heads.json");
    const content = JSON.parse(readFileSync(memory, "utf8")) as { answered: Record<string, string> };
    const longAgo = new Date(Date.now() - 25 * 3_600_000).toISOString();
    writeFileSync(memory, JSON.stringify({ ...content, answered: { [host]: longAgo } }));
    expect(await lookAt(args)).toMatchObject({ code: 5, events: [], result: { ok: false, unanswered: [host] } });
    // Nobody is known any more: that is one thing, not three.
    front.instead = { status: 404, type: "application/json", text: '{"message":"DID not registered"}' };
    const gone = await lookAt(args);
    expect(gone).toMatchObject({ code: 3, events: [{ event: "broken", accounts: 3, directory: host }] });
    front.instead = undefined;
    front.failing.add(two.did);
    expect(await lookAt(args)).toMatchObject({ code: 5, events: [], result: { unread: [two.did] } });
  } finally {
    await front.stop();
  }
});

test("with clocks that differ no time is called over, neither by the watch nor by plc recover", async () => {
  const account = await createAccount(network.a, newAccount("watched-eight"));
  const { did } = account;
  const key = await addOwnParts(network, account);
  await changeIdentity(network, account, (last) => ({
    rotationKeys: last.rotationKeys.filter((one) => one !== key.didKey),
  }));
  const theft = (await auditLog(network.plcUrl, did)).at(-1);
  const front = await startHidingDirectory(network.plcUrl);
  try {
    for (const days of [4, -4]) {
      front.ahead = days * 86_400_000;
      const state = path.join(folder, `eight${days}`);
      const { events } = await lookAt([did, "--plc-url", front.url, "--state-dir", state, "--own-key", key.didKey]);
      const found = events.find(({ cid }) => cid === theft?.cid);
      expect(found?.undo).not.toHaveProperty("seconds");
      expect(found?.undo?.next).toContain(`plc recover ${did} --operation ${theft?.cid}`);
      expect(found?.message).toMatch(/This machine's clock is 4 days (behind|ahead of) that of /);
      expect(found?.message).toContain(theft?.createdAt);
      const plan = ["plc", "recover", did, "--operation", theft?.cid ?? "", "--held-key", key.didKey, "-o", "-"];
      const planned = await runDecamp([...plan, "--plc-url", front.url, "--allow-private-hosts", "--state-dir", state]);
      expect(planned.code).toBe(0);
      expect(planned.stderr).toContain("plc/clocks-differ");
      expect(planned.stderr).toContain(theft?.createdAt);
    }
  } finally {
    await front.stop();
  }
});

test("an archive that cannot be read is named, and fails the look", async () => {
  const accounts = [
    await createAccount(network.a, newAccount("watched-nine")),
    await createAccount(network.a, newAccount("watched-ten")),
  ];
  const archives = path.join(folder, "archives");
  const flags = ["--plc-url", network.plcUrl, "--allow-private-hosts", "--state-dir", path.join(folder, "nine")];
  for (const { did } of accounts) {
    expect((await runDecamp(["export", did, "-o", path.join(archives, did.slice(8)), ...flags])).code).toBe(0);
  }
  const damaged = path.join(archives, accounts[1]?.did.slice(8) ?? "");
  const manifests = readdirSync(damaged, { recursive: true, encoding: "utf8" }).filter((name) => /manifest/.test(name));
  expect(manifests.length).toBeGreaterThan(0);
  manifests.forEach((name) => writeFileSync(path.join(damaged, name), "rubbish"));
  const args = ["plc", "watch", "--archives", archives, "--once", ...flags];
  const quiet = await runDecamp([...args, "--quiet"]);
  expect(quiet.code).toBe(6);
  expect(quiet.stderr).toContain(`${damaged} is not watched`);
  const { code, result } = await lookAt(["--archives", archives, ...flags]);
  expect(code).toBe(6);
  expect(result).toMatchObject({ ok: false, accounts: 1, unwatched: [{ path: damaged }] });
});

test("a name that cannot be looked up, because nobody answers, stands for whom it stood for last", async () => {
  const { did, handle } = await createAccount(network.a, newAccount("watched-eleven"));
  const args = [handle, "--plc-url", network.plcUrl, "--state-dir", path.join(folder, "eleven"), "--from"];
  expect(await lookAt([...args, "http://localhost:9"])).toMatchObject({ code: 5, result: undefined });
  expect(await lookAt([...args, network.a.url])).toMatchObject({ code: 0, said: "" });
  const offline = await lookAt([...args, "http://localhost:9"]);
  expect(offline).toMatchObject({ code: 0, result: { accounts: 1 } });
  expect(offline.said).toContain(`${handle} was ${did} last`);
});

test("a second directory that is the first is refused", async () => {
  const url = network.plcUrl;
  const { code, said } = await lookAt([
    "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
    "--plc-url",
    url,
    "--second-directory",
    `${url}/`,
  ]);
  expect(code).toBe(2);
  expect(said).toContain("--second-directory names the directory that is asked anyway");
});

const isLinux = process.platform === "linux";

test.skipIf(!isLinux)("a watch of very many stays small, and says little when it is left (Linux)", async () => {
  const script = new URL("../bench/export-server.ts", import.meta.url);
  const server = spawn(process.execPath, [script.pathname, "2000"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [first] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
    const url = first.trim();
    const dids = (await (await fetch(`${url}/dids`)).text()).split("\n");
    const pings = path.join(folder, "pings-many");
    const state = ["--allow-private-hosts", "--state-dir", path.join(folder, "many"), "--ping-command"];
    const run = startDecamp(["plc", "watch", ...dids, "--plc-url", url, ...state, `echo >> '${pings}'`]);
    await until(() => existsSync(pings), run.ended);
    const status = readFileSync(`/proc/${run.child.pid ?? 0}/status`, "utf8");
    run.child.kill("SIGINT");
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(stderr).toContain("Stopped. 2,000 accounts were watched at localhost:");
    expect(stderr).toMatch(/nothing was noticed\. To go on from here, run the same command again\.\n$/);
    expect(stderr.length).toBeLessThan(400);
    // Without what keeps it small it is 125 MB and more by then. `npm run watch-long` measures 10,000 over 30 days.
    expect((Number(/VmHWM:\s+([0-9]+)/.exec(status)?.[1]) * 1024) / 1e6).toBeLessThan(110);
  } finally {
    server.kill();
  }
});

/** Waits until something is so, or what would make it so has ended. */
async function until(isSo: () => boolean, ended: Promise<unknown>): Promise<void> {
  while (!isSo() && (await Promise.race([ended, setTimeout(50, "a while")])) === "a while");
}
