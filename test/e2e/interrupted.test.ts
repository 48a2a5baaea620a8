/** Ctrl-C and a killed process in the middle of a step: the same command goes on, and nothing is lost or done twice. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, inject, test } from "vitest";
import { createAccount } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { populate } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const bin = fileURLToPath(new URL("../../bin/decamp.js", import.meta.url));

interface Stopped {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  /** whether the line came, and so the signal went */
  sent: boolean;
}

/** Runs decamp until it says `line` on stderr, sends the signal, and waits for the end. */
async function stopAt(args: readonly string[], line: string, signal: NodeJS.Signals): Promise<Stopped> {
  const child: ChildProcess = spawn(process.execPath, [bin, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  let sent = false;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    if (!sent && stderr.includes(`${line}\n`)) {
      sent = child.kill(signal);
    }
  });
  const [code, by] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal: by, stderr, sent };
}

/** Steps and the lines with which they begin. */
const places = [
  ["export", "export: Export the account into the archive"],
  ["import-repo", "import-repo: Import the repository"],
  ["transfer-blobs", "transfer-blobs: Transfer the blobs"],
  ["sign-operation", "sign-operation: Sign the change of identity"],
  ["submit-operation", "submit-operation: Change the identity"],
  ["activate", "activate: Activate the account on your new server"],
] as const;

test.each([
  { by: "SIGINT", code: 130, signal: null },
  { by: "SIGKILL", code: null, signal: "SIGKILL" },
] as const)("$by in one step after the other", async ({ by, ...wanted }) => {
  const name = by.toLowerCase();
  const account = await createAccount(network.a, {
    handle: `${name}.a.test`,
    email: `${name}@old.example.com`,
    password: "the-old-password",
  });
  await populate(account, { records: 80, blobs: 30, seed: 21 });
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b);
  const stopped: string[] = [];
  for (const [step, line] of places) {
    const { sent, stderr, ...ended } = await stopAt(move.args, line, by);
    if (sent) {
      stopped.push(step);
      expect({ step, ...ended }).toEqual({ step, ...wanted });
      expect(stderr.includes(`decamp migrate ${account.handle}`)).toBe(by === "SIGINT");
    } else {
      // The signal before came late, and the step was over already.
      expect({ step, code: ended.code }).toEqual({ step, code: 0 });
    }
  }
  expect(stopped.slice(0, 4)).toEqual(["export", "import-repo", "transfer-blobs", "sign-operation"]);
  const { code, stderr } = await runDecamp(move.args);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const checks = await proveMove(network.plcUrl, before, network.b, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});
