/**
 * What a server may refuse without stopping a move: single blobs, and the preferences. Several faults in one move: each
 * is named, none holds up the rest, and every later run says the same.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { login } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { getBlob, listBlobs } from "../network/read.ts";
import { runDecamp, type Ended } from "../network/run-decamp.ts";
import { changedJson, drop, status } from "./faults.ts";
import { openLane } from "./lane.ts";

const network = connectNetwork(inject("network"));
const preload = new URL("hurry.ts", import.meta.url);

function lastLine(text: string): Record<string, unknown> {
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

function codesOf({ stdout }: Ended): string[] {
  const lines = stdout.split("\n").filter((line) => line.includes('"warning"'));
  return lines.map((line) => String((JSON.parse(line) as Record<string, unknown>)["code"]));
}

test("blobs that a server does not give or take, and preferences, hold up nothing else", async () => {
  // Of six: one that the old server keeps to itself, two that the new one does not take, one that is skipped although
  // it is there.
  await using lane = await openLane(network, "leftout");
  const { source, target } = lane.proxies;
  const { account, move, changes } = await lane.newSubject({ blobs: 6 });
  const reader = { url: network.a.url, did: account.did };
  const cids = await listBlobs(reader);
  const sizes = await Promise.all(cids.map(async (cid) => (await getBlob(reader, cid)).length));
  expect(new Set(sizes).size).toBe(sizes.length);
  const [silent = "", large = "", dropped = "", there = ""] = cids;
  const [, largeSize = 0, droppedSize = 0] = sizes;
  const args = [...move.args, "--json"];

  // What the new server says that it does not take is not even fetched.
  const most = sizes.toSorted((a, b) => b - a)[1] ?? 0;
  const describe = { kind: "com.atproto.server.describeServer" };
  target.when(
    describe,
    changedJson((answer) => ({ ...answer, blobUploadLimit: most })),
  );
  const tooLarge = await runDecamp(args);
  const largest = cids[sizes.findIndex((size) => size > most)] ?? "";
  expect([tooLarge.code, lastLine(tooLarge.stderr)]).toMatchObject([6, { data: { tooLarge: [largest] } }]);
  expect(lastLine(tooLarge.stderr)["message"]).toMatch(
    new RegExp(`^1 of your blobs are larger.*${largest} \\(\\d+ bytes`),
  );
  expect(tooLarge.stdout).toContain(`"blobLimit":${most}`);
  expect(source.recording.requests.filter(({ kind }) => kind === "com.atproto.sync.getBlob")).toEqual([]);
  target.behave();

  // One that the old server keeps to itself, two that the new one does not take, and one that no record needs.
  source.when({ kind: "com.atproto.sync.getBlob" }, async (exchange) =>
    exchange.request.path.includes(silent) ? drop()(exchange) : exchange.pass(),
  );
  target.when({ kind: "com.atproto.repo.uploadBlob" }, async (exchange) => {
    const size = Number(exchange.response.req.headers["content-length"]);
    if (size === largeSize) {
      await status(413, { "content-type": "text/html" }, "<h1>Request Entity Too Large</h1>")(exchange);
    } else if (size === droppedSize) {
      await drop()(exchange);
    } else {
      await exchange.pass();
    }
  });
  const stray = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
  target.when(
    { kind: "com.atproto.repo.listMissingBlobs" },
    changedJson(({ blobs }) => ({ blobs: [{ cid: stray, recordUri: "at://x" }, ...(blobs as object[])] })),
  );
  target.when({ kind: "app.bsky.actor.putPreferences" }, status(501, {}, "no"));

  const stopped = await runDecamp([...args, "--skip-blob", silent], { preload });
  const error = lastLine(stopped.stderr);
  expect([stopped.code, error]).toMatchObject([6, { code: "incomplete", data: { identity: "unchanged" } }]);
  expect((error["data"] as { blobs: string[] }).blobs.sort()).toEqual([large, dropped].sort());
  expect(error["message"]).toMatch(new RegExp(`${large} \\(${largeSize} bytes\\): .*413.*; needed by app\\.bsky\\.`));
  expect(error["message"]).toMatch(new RegExp(`${dropped} \\(${droppedSize} bytes\\): .*; needed by app\\.bsky\\.`));
  expect(error["message"]).toMatch(/needed by app\.bsky\.feed\.post\/\w+ \(“\S+/);
  expect(error["hint"]).toMatch(/--skip-blob bafkrei\w+ --skip-blob bafkrei\w+, or --allow-missing-blobs/);
  expect(codesOf(stopped)).toContain("blob-not-needed");
  expect(await changes()).toEqual([]);
  // The others are there already.
  const uploaded = target.recording.requests.filter(
    ({ kind, status: answered }) => kind === "com.atproto.repo.uploadBlob" && answered === 200,
  );
  expect(uploaded).toHaveLength(3);

  // What an earlier command was told to skip, this one is not. A blob that is there already is not left behind.
  const skips = ["--skip-blob", large, "--skip-blob", dropped, "--skip-blob", there];
  const unsaid = await runDecamp([...args, ...skips], { preload });
  expect([unsaid.code, (lastLine(unsaid.stderr)["data"] as { blobs: string[] }).blobs]).toEqual([6, [silent]]);
  const skipped = await runDecamp([...args, ...skips, "--skip-blob", silent, "--until", "submit-operation"], {
    preload,
  });
  expect(skipped.code).toBe(8); // dark
  // Told while it could still be taken back.
  const told = skipped.stdout.split("\n").find((line) => line.includes('"identity"')) ?? "";
  expect(JSON.parse(told)).toMatchObject({
    type: "identity",
    leftBehind: { missingBlobs: [], blobsThere: 3, blobsNeeded: 6, preferencesNotMoved: {} },
  });
  const { leftBehind } = JSON.parse(told) as { leftBehind: { blobsNotMoved: { cid: string }[] } };
  expect(leftBehind.blobsNotMoved.map(({ cid }) => cid).sort()).toEqual([silent, large, dropped].sort());
  expect(codesOf(skipped)).toContain("preferences-not-moved");
  // A run that only finishes it says the same; so does the certificate.
  const ended = await runDecamp(args, { preload });
  const result = lastLine(ended.stdout);
  expect([ended.code, ended.stderr]).toEqual([6, ""]);
  for (const one of [lastLine(skipped.stdout), result]) {
    const { blobsNotMoved, preferencesNotMoved } = one as {
      blobsNotMoved: { cid: string; archived: boolean; records: string[] }[];
      preferencesNotMoved: { archived: string };
    };
    expect(Object.fromEntries(blobsNotMoved.map(({ cid, archived }) => [cid, archived]))).toEqual({
      [silent]: false,
      [large]: true,
      [dropped]: true,
    });
    expect(blobsNotMoved.every(({ records }) => records.length > 0)).toBe(true);
    expect(existsSync(preferencesNotMoved.archived)).toBe(true);
  }
  expect(result).toMatchObject({ state: "moved", missingBlobs: [], sourceState: "deactivated" });
  const [file = ""] = globSync(path.join(move.stateDir, "archives", "*", "certificate.json"));
  const { blobsNotMoved } = JSON.parse(readFileSync(file, "utf8")) as { blobsNotMoved: string[] };
  expect(blobsNotMoved.sort()).toEqual([silent, large, dropped].sort());
  const newHome = { url: lane.target.url, did: account.did };
  const had = await Promise.allSettled(cids.map(async (cid) => getBlob(newHome, cid)));
  expect(had.map((one) => one.status)).toEqual(
    [0, 1, 2].map(() => "rejected").concat([3, 4, 5].map(() => "fulfilled")),
  );

  // Whoever brings one later is not told for ever that it is left behind.
  target.behave();
  const moved = await login(lane.target, move.newHandle, move.newPassword);
  const brought = await fetch(`${lane.target.url}/xrpc/com.atproto.repo.uploadBlob`, {
    method: "POST",
    headers: { authorization: `Bearer ${moved.accessJwt}`, "content-type": "image/png" },
    body: await getBlob({ ...reader, token: account.accessJwt }, large),
  });
  expect(brought.status).toBe(200);
  const later = lastLine((await runDecamp(args)).stdout)["blobsNotMoved"] as { cid: string }[];
  expect(later.map(({ cid }) => cid).sort()).toEqual([silent, dropped].sort());
  await move.remove();
});
