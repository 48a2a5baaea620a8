/**
 * A move that the version at cfdfa5a began, and this one ends: its journal stands in for the one that this version
 * wrote.
 */
import { hash } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { findJournals } from "../../src/migration/journal.ts";
import type { Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { prepareMove, runDecamp, type Move } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));

/** Puts a journal as that version wrote it in the place of all that there are. */
async function writeOldJournal({ stateDir }: Move, { did }: Account, entries: readonly object[]): Promise<void> {
  const folder = path.join(stateDir, "migrations");
  await rm(folder, { recursive: true });
  await mkdir(folder, { mode: 0o700 });
  const lines = entries.map((entry) => {
    const text = JSON.stringify(entry);
    return `${hash("sha256", text).slice(0, 16)} ${text}\n`;
  });
  const name = `${did}-to-${network.b.url}`.replaceAll(/[^a-zA-Z0-9.]+/g, "-");
  await writeFile(path.join(folder, `${name}.journal`), lines.join(""), { mode: 0o600 });
}

test.each([
  ["before the operation was signed", "compare"],
  ["with a signed operation", "sign-operation"],
  ["after the identity was changed", "submit-operation"],
])("a move of cfdfa5a that stopped %s goes on and ends", async (_, until) => {
  const account = await createFilled(network.a, `old-${until}`.slice(0, 12), { records: 30, blobs: 4, seed: 71 });
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b);
  const begun = await runDecamp([...move.args, "--freeze", "--until", until]);
  expect({ code: begun.code, stderr: begun.code === 8 ? "" : begun.stderr }).toEqual({ code: 8, stderr: "" });
  const [{ signed } = {}] = await findJournals(move.stateDir, account.did);
  expect(signed === undefined).toBe(until === "compare");
  await writeOldJournal(move, account, [
    {
      type: "begin",
      did: account.did,
      handle: account.handle,
      source: network.a.url,
      target: network.b.url,
      at: new Date().toISOString(),
    },
    { type: "handle", newHandle: move.newHandle },
    { type: "frozen", frozen: true },
    ...(signed === undefined ? [] : [{ type: "signed", ...signed }]),
  ]);

  const { code, stderr } = await runDecamp([...move.args, "--freeze"]);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const checks = await proveMove(network.plcUrl, before, network.b, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});
