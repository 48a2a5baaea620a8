/** `decamp plc watch` against a real directory, and one in front of it that hides. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
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
  const look = async (...flags: string[]): Promise<{ code: number | null; events: Event[] }> => {
    const args = ["plc", "watch", did, "--once", "--json", "--own-key", key.didKey, ...state, ...flags];
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
    expect(await look("--plc-url", front.url)).toEqual({ code: 0, events: [] });

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
    expect(await look("--plc-url", front.url, "--memory", path.join(folder, "none"))).toEqual({ code: 5, events: [] });
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
  const run = startDecamp([
    "plc",
    "watch",
    account.did,
    "--plc-url",
    network.plcUrl,
    "--allow-private-hosts",
    "--state-dir",
    path.join(folder, "two"),
  ]);
  const began = new Promise((resolve) => {
    run.child.stderr?.on("data", (text: string) => /Watching 1 account at localhost/.test(text) && resolve(text));
  });
  await Promise.race([began, run.ended]);
  run.child.kill("SIGINT");
  expect(await run.ended).toMatchObject({ code: 130 });
});
