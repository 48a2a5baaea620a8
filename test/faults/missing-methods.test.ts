/**
 * A move between servers that have only what a move cannot do without. The old one names neither its head nor its
 * blobs, gives out no single blocks, and leads elsewhere for the bytes of a blob; the new one does not say what it
 * misses, and compresses what nobody has asked for like that.
 */
import { gzipSync } from "node:zlib";
import { expect, inject, test } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { runDecamp } from "../network/run-decamp.ts";
import { changed, refuse, status } from "./faults.ts";
import { describeEnd, openLane } from "./lane.ts";
import { scriptedServer } from "./scripted-server.ts";

const network = connectNetwork(inject("network"));
const blobs = 3;

test("a move between servers that lack methods, in two runs, is whole, and uploads no blob twice", async () => {
  await using lane = await openLane(network, "lacking");
  const { account, move, flaws } = await lane.newSubject({ records: 20, blobs });
  await using store = await scriptedServer((request, response) => {
    fetch(new URL(request.url ?? "", account.pds.url))
      .then(async (answer) => response.end(Buffer.from(await answer.arrayBuffer())))
      .catch(() => response.destroy());
  });
  const { source, target } = lane.proxies;
  source.when({ kind: /getLatestCommit$/ }, status(404, { "content-type": "text/html" }, "<h1>Not Found</h1>"));
  source.when({ kind: /listBlobs$/ }, refuse(501, "MethodNotImplemented"));
  source.when({ kind: /getBlocks$/ }, refuse(404, "XRPCNotSupported"));
  source.when({ kind: /getBlob$/ }, (exchange) =>
    exchange.reply({
      status: 302,
      headers: { location: `${store.origin}${exchange.request.path}` },
      body: Buffer.of(),
    }),
  );
  target.when({ kind: /getLatestCommit$|listMissingBlobs$|getBlocks$/ }, refuse(501, "MethodNotImplemented"));
  target.when(
    { kind: /getPreferences$|checkAccountStatus$|getRepo$/ },
    changed(({ status: code, headers, body }) => ({
      status: code,
      headers: { ...headers, "content-encoding": "gzip" },
      body: gzipSync(body),
    })),
  );
  const uploads = (): number => target.recording.requests.filter(({ kind }) => kind.endsWith("uploadBlob")).length;

  const first = await runDecamp([...move.args, "--until", "transfer-blobs"]);
  expect(describeEnd(first)).toBe("exit 0");
  expect(first.stderr).toContain("does not list the blobs of an account");
  expect(first.stderr).toContain("does not say which blobs it misses");
  expect(uploads()).toBe(blobs);
  const second = await runDecamp(move.args);
  expect(describeEnd(second)).toBe("exit 0");
  expect(uploads()).toBe(blobs);
  target.behave();
  expect(await flaws()).toEqual([]);
  // What was asked for elsewhere was asked for by nobody.
  expect(store.requests).toHaveLength(blobs);
  expect(store.requests.map(({ authorization }) => authorization)).toEqual(store.requests.map(() => undefined));
  await move.remove();
});
