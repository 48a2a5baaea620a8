/** action.yml, its steps run by bash as a runner of GitHub runs them, against the real servers. */
import { appendFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { getLatestCommit } from "../network/read.ts";
import { unportableBelow } from "../release/portable-names.ts";
import { playAction, type Played } from "../release/play-action.ts";

const network = connectNetwork(inject("network"));
let workspace = "";
let account: Account;
beforeAll(async () => {
  workspace = await mkdtemp(path.join(tmpdir(), "decamp-workspace-"));
  account = await createFilled(network.a, "nightly", { records: 20, blobs: 2, seed: 5 });
});
afterAll(async () => rm(workspace, { recursive: true }));

async function play(inputs: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}): Promise<Played> {
  return playAction(inputs, { cwd: workspace, env: { ...env, XDG_STATE_HOME: path.join(workspace, "state") } });
}
const resultOf = async ({ outputs }: Played): Promise<unknown> =>
  JSON.parse(await readFile(outputs["result"] ?? "", "utf8"));

test("a nightly export with a password from the environment, its proof, and the proof of a damaged one", async () => {
  const flags = ["--sign-in", `--from=${network.a.url}`, `--plc-url=${network.plcUrl}`, "--allow-private-hosts"];
  const inputs = { mode: "export", account: account.did, output: "the archive", arguments: flags.join("\n") };
  const exported = await play(inputs, { DECAMP_SOURCE_PASSWORD: account.password });
  const { rev } = await getLatestCommit({ ...account, url: account.pds.url });
  expect(exported).toMatchObject({ code: 0, outputs: { "exit-code": "0", did: account.did, rev } });
  expect(await resultOf(exported)).toMatchObject({ type: "result", records: 20, private: true });
  expect(exported.log).not.toContain(account.password);
  // Nothing of decamp is a command to the runner.
  const lines = exported.log.trim().split("\n");
  const [, token] = /^::stop-commands::(.+)$/.exec(lines[0] ?? "") ?? [];
  expect(lines.at(-1)).toBe(`::${token}::`);

  // Wherever an archive is carried, its names can be.
  expect(unportableBelow(workspace)).toEqual([]);

  const verified = await play({ mode: "verify", path: "the archive" });
  expect(verified).toMatchObject({ code: 0, outputs: { "exit-code": "0", did: account.did, rev } });
  expect(await resultOf(verified)).toMatchObject({ type: "result", ok: true, records: 20 });

  const blobs = path.join(workspace, "the archive", "blobs");
  const names = await readdir(blobs, { recursive: true });
  const blob = names.find((name) => /bafkrei/.test(path.basename(name)));
  await appendFile(path.join(blobs, blob ?? ""), "x");
  const damaged = await play({ mode: "verify", path: "the archive" });
  expect(damaged).toMatchObject({ code: 3, outputs: { "exit-code": "3", did: account.did, rev } });
  expect(await resultOf(damaged)).toMatchObject({ type: "result", ok: false });
  [exported, verified, damaged].forEach(({ remove }) => remove());
});

test("an input is a value, whatever stands in it", async () => {
  const before = await readdir(workspace);
  const odd = "$(touch a) `touch b`; touch c \"\n touch d\n' && touch e #";
  const played = await play({ mode: "verify", path: odd, arguments: "--did=$(touch f)" });
  expect(played).toMatchObject({ code: 2, outputs: { "exit-code": "2", did: "", rev: "" } });
  expect(await resultOf(played)).toMatchObject({ type: "error", exitCode: 2 });
  expect(await readdir(workspace)).toEqual(before);
  played.remove();

  const wrong = await play({ mode: "nightly" });
  expect(wrong).toMatchObject({ code: 2, log: expect.stringContaining("neither verify nor export") });
  expect(wrong.outputs).toEqual({ "exit-code": "2", result: "", did: "", rev: "" });
  wrong.remove();
});
