/**
 * A new server that takes 1,000 uploads a day, and a move that needs more: two runs, and nothing is lost in between.
 */
import { expect, inject, test } from "vitest";
import { createAccount } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { auditLog } from "../network/identity.ts";
import { applyWrites, createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";
import { procedureBytes } from "../network/xrpc.ts";

const network = connectNetwork(inject("network"));

test("the daily quota of uploads is told, respected, and waited out across runs", async () => {
  const target = await network.addPds({ name: "strict", rateLimits: true, recorded: true });
  // The limit is one for everybody who comes from this address; somebody else has used up most of it.
  const other = await createAccount(target, {
    handle: "busy.strict.test",
    email: "busy@new.example.com",
    password: "the-new-password",
  });
  const taken = 988;
  const queue = Array.from({ length: taken }, (_, index) => index).values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const index of queue) {
        const bytes = new TextEncoder().encode(`blob ${index}`);
        await procedureBytes(target.url, "com.atproto.repo.uploadBlob", bytes, "text/plain", {
          token: other.accessJwt,
        });
      }
    }),
  );
  const account = await createFilled(network.a, "quota", { records: 60, blobs: 30, seed: 61 });
  const move = await prepareMove(network, account, target);
  const uploads = async (): Promise<number[]> =>
    (await network.recording(target)).requests
      .slice(sent)
      .flatMap(({ kind, status }) => (kind === "com.atproto.repo.uploadBlob" ? [status ?? 0] : []));
  const sent = (await network.recording(target)).requests.length;

  const first = await runDecamp([...move.args, "--json"]);
  expect(first.code).toBe(8);
  const error = JSON.parse(first.stderr) as { code: string; message: string; data: { until: string; left: number } };
  expect(error).toMatchObject({ code: "rate-limited", data: { limit: 1000, left: 30 - (1000 - taken) } });
  expect(error.message).toContain(`until ${error.data.until}`);
  expect(error.message).toContain("18 blobs are left");
  const wait = Date.parse(error.data.until) - Date.now();
  expect(wait).toBeGreaterThan(23 * 3_600_000);
  expect(wait).toBeLessThanOrEqual(24 * 3_600_000);
  expect(first.stdout).toContain('"upload-quota"');
  // Not more than a handful of requests, those under way together at the start, ran into the limit.
  const refused = (await uploads()).filter((status) => status === 429);
  expect(refused.length).toBeLessThan(8);
  expect(await auditLog(network.plcUrl, account.did)).toHaveLength(1);
  expect(await repoStatus({ url: network.a.url, did: account.did })).toBe("active");

  // Too early: still the same answer, and nothing is sent again that is there.
  const early = await runDecamp([...move.args, "--json"]);
  expect(early.code).toBe(8);
  expect(JSON.parse(early.stderr)).toMatchObject({ data: { left: 18 } });

  // Written in the meantime, and carried along.
  await applyWrites(account, [
    {
      collection: "app.bsky.feed.post",
      rkey: "3kwaitingpost",
      value: { $type: "app.bsky.feed.post", text: "Still waiting.", createdAt: new Date().toISOString() },
    },
  ]);
  const before = await lookBefore(network.plcUrl, account);
  // The next day: the server counts in memory, and starts anew with a new process.
  await network.stopPds(target);
  await network.startPds(target);
  const second = await runDecamp([...move.args, "--json"]);
  expect({ code: second.code, stderr: second.stderr }).toEqual({ code: 0, stderr: "" });
  expect((await uploads()).filter((status) => status === 200)).toHaveLength(30);
  const moved = { handle: move.newHandle, password: move.newPassword };
  const checks = await proveMove(network.plcUrl, before, target, moved);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
});
