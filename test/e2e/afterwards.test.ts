/** What comes after a move, or beside it: the old server is gone, the way back home, a second run at the same time. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, inject, test } from "vitest";
import { createAccount, login, type Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import type { PdsHandle } from "../network/pds.ts";
import { png } from "../network/pictures.ts";
import { applyWrites, populate, uploadBlob } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { seededRandom } from "../network/random.ts";
import { getBlob, listRecords, repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const hurry = new URL("../faults/hurry.ts", import.meta.url);
const oldPassword = "the-old-password";

async function newAccount(name: string, pds: PdsHandle): Promise<Account> {
  const account = await createAccount(pds, {
    handle: `${name}${pds.handleDomain}`,
    email: `${name}@old.example.com`,
    password: oldPassword,
  });
  await populate(account, { records: 30, blobs: 4, seed: 41 });
  return account;
}

function lastLine(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

test("an old server that is gone after the point of no return holds nothing up", async () => {
  const source = await network.addPds({ name: "leaving" });
  const account = await newAccount("left", source);
  const move = await prepareMove(network, account, network.b);
  expect((await runDecamp([...move.args, "--until", "submit-operation"])).code).toBe(8);

  await network.stopPds(source);
  const finished = await runDecamp([...move.args, "--json"], { preload: hurry });
  expect(finished.code).toBe(8);
  expect(lastLine(finished.stdout)).toMatchObject({ type: "result", state: "moved", sourceStillActive: true });
  expect(await repoStatus({ url: network.b.url, did: account.did })).toBe("active");

  // Once it is back, the same command does what was left.
  await network.startPds(source);
  const again = await runDecamp([...move.args, "--json"]);
  expect(again.code).toBe(0);
  expect(lastLine(again.stdout)).not.toHaveProperty("sourceStillActive");
  expect(await repoStatus({ url: source.url, did: account.did })).toBe("deactivated");
  await move.remove();
});

test("an account can go back home: the copy that was left there is used again", async () => {
  const account = await newAccount("homesick", network.a);
  const away = await prepareMove(network, account, network.b);
  expect((await runDecamp(away.args)).code).toBe(0);

  const there = await login(network.b, away.newHandle, away.newPassword);
  const guest = { ...there, email: away.newEmail };
  const blob = await uploadBlob(guest, png(seededRandom(42)));
  const images = { $type: "app.bsky.embed.images", images: [{ image: blob, alt: "from abroad" }] };
  const post = { $type: "app.bsky.feed.post", text: "From abroad", createdAt: new Date().toISOString(), embed: images };
  await applyWrites(guest, [{ collection: "app.bsky.feed.post", rkey: "3kabroadpost2", value: post }]);
  const before = await lookBefore(network.plcUrl, guest);
  const home = await prepareMove(network, guest, network.a);
  await writeFile(path.join(home.folder, "new"), `${oldPassword}\n`);
  const { code, stderr } = await runDecamp(home.args);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const checks = await proveMove(network.plcUrl, before, network.a, { handle: account.handle, password: oldPassword });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await away.remove();
  await home.remove();
});

test("a second run beside the first is refused, and does it no harm", async () => {
  const account = await newAccount("hurried", network.a);
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(network, account, network.b);
  const bin = fileURLToPath(new URL("../../bin/decamp.js", import.meta.url));
  const first = spawn(process.execPath, [bin, ...move.args], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(first, "close");
  const exporting = "export: Export";
  let told = "";
  const stopped = new Promise<void>((resolve) => {
    first.stderr.setEncoding("utf8").on("data", (text: string) => {
      const earlier = told;
      told += text;
      if (told.includes(exporting) && !earlier.includes(exporting)) {
        first.kill("SIGSTOP"); // so that it is still there, however slow this machine is
        resolve();
      }
    });
  });
  await stopped;
  const second = await runDecamp([...move.args, "--json"]);
  first.kill("SIGCONT");
  expect(JSON.parse(second.stderr)).toMatchObject({ type: "error", code: "locked", exitCode: 11 });
  expect(second.code).toBe(11);
  expect(await ended).toEqual([0, null]);
  const checks = await proveMove(network.plcUrl, before, network.b, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  await move.remove();
});

/** Stops a move after the identity has changed, and writes a post with a picture on the old server. */
async function writtenLate(name: string) {
  const account = await newAccount(name, network.a);
  const move = await prepareMove(network, account, network.b);
  expect((await runDecamp([...move.args, "--until", "submit-operation"])).code).toBe(8);
  const picture = png(seededRandom(77));
  const image = await uploadBlob(account, picture);
  const value = {
    $type: "app.bsky.feed.post",
    text: "Written too late.",
    createdAt: new Date().toISOString(),
    embed: { $type: "app.bsky.embed.images", images: [{ alt: "", image }] },
  };
  await applyWrites(account, [{ collection: "app.bsky.feed.post", rkey: "3zzzzzzzzzz2c", value }]);
  return { account, move, cid: image.ref.$link };
}

describe("what an app writes on the old server after the last look", () => {
  test("is named, and brought before the account is deactivated", async () => {
    const { account, move } = await writtenLate("late-named");
    const { code, stdout } = await runDecamp([...move.args, "--json"]);
    // As long as it is only there, the account stays active there: not every server shows it afterwards.
    expect(code).toBe(8);
    const named = { lateWrites: ["app.bsky.feed.post/3zzzzzzzzzz2c"], sourceStillActive: true, sourceState: "active" };
    expect(lastLine(stdout)).toMatchObject(named);
    const records = await listRecords({ url: network.b.url, did: account.did });
    expect(records.filter(({ uri }) => uri.endsWith("3zzzzzzzzzz2c"))).toEqual([]);

    // And brought along by a later run that is asked to.
    const later = await runDecamp([...move.args, "--bring-late-writes", "--json"]);
    expect(later.code).toBe(0);
    expect(lastLine(later.stdout)).not.toHaveProperty("lateWrites");
    expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("deactivated");
    const then = await listRecords({ url: network.b.url, did: account.did });
    expect(then.filter(({ uri }) => uri.endsWith("3zzzzzzzzzz2c"))).toHaveLength(1);
    await move.remove();
  });

  test("is brought along, if asked", async () => {
    const { account, move, cid } = await writtenLate("late-brought");
    const { code, stdout, stderr } = await runDecamp([...move.args, "--bring-late-writes", "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lastLine(stdout)).not.toHaveProperty("lateWrites");
    const records = await listRecords({ url: network.b.url, did: account.did });
    expect(records.filter(({ uri }) => uri.endsWith("3zzzzzzzzzz2c"))).toHaveLength(1);
    const bytes = await getBlob({ url: network.b.url, did: account.did }, cid);
    expect(Buffer.from(bytes).equals(png(seededRandom(77)).bytes)).toBe(true);
    await move.remove();
  });
});
