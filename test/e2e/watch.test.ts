/** `decamp plc watch` against a real directory, and one in front of it that hides. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  undo?: { next: string; keys: string[]; seconds: number };
  events?: number;
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
    // Nothing is remembered: what the server signed just now can still be undone by its age, so it is told, once.
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
