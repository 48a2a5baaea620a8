/** Older versions of the reference PDS: an account moves in, and out again, everything with it. */
import { describe, expect, inject, test } from "vitest";
import { login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { folderOf, isInstalled, oldVersions } from "../network/old-versions.ts";
import type { PdsHandle } from "../network/pds.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));

/** Moves the account, and proves it from outside; what is wrong, a line each. */
async function moved(account: Account, target: PdsHandle): Promise<{ wrong: string[]; account: Account }> {
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, target);
  const { code, stderr } = await runDecamp(move.args);
  await move.remove();
  if (code !== 0) {
    return { wrong: [`exit ${code}: ${stderr}`], account };
  }
  const there = { handle: move.newHandle, password: move.newPassword };
  const checks = await proveMove(network.plcUrl, before, target, there);
  return {
    wrong: checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`),
    account: await login(target, there.handle, there.password),
  };
}

describe.each(oldVersions)("the reference server %s", (version) => {
  const leftOut = isInstalled(version) ? "" : " (left out: npm run old-servers installs it)";
  test.skipIf(leftOut !== "")(`takes an account in, and lets it go${leftOut}`, async () => {
    const name = `old${version.replaceAll(".", "")}`;
    const old = await network.addPds({ name, apart: true, from: folderOf(version) });
    const account = await createFilled(network.a, `of${name}`, { records: 60, blobs: 8, seed: 41 });
    const there = await moved(account, old);
    expect(there.wrong).toEqual([]);
    expect((await moved(there.account, network.b)).wrong).toEqual([]);
  });
});
