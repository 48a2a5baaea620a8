/**
 * A server that has only what a move cannot do without, as some that are written anew: no getLatestCommit, no single
 * blocks, no lists of blobs, no preferences. Errors have no name; pages may be empty, and their cursors are numbers;
 * what is empty is called JSON all the same; blobs are elsewhere.
 */
import { gzipSync } from "node:zlib";
import { changed, status } from "../../faults/faults.ts";
import { askAsOperator, inOtherWords, json, param, valueOf, type Front } from "./front.ts";

const missing = [
  "com.atproto.sync.getLatestCommit",
  "com.atproto.sync.getBlocks",
  "com.atproto.sync.listBlobs",
  "com.atproto.repo.listMissingBlobs",
  "app.bsky.actor.getPreferences",
  "app.bsky.actor.putPreferences",
];

export function minimal(front: Front): void {
  const { proxy } = front;
  for (const kind of missing) {
    proxy.when({ kind }, status(404, { "content-type": "text/plain" }, "404 page not found"));
  }
  proxy.when(
    { kind: "com.atproto.sync.getRepoStatus" },
    inOtherWords(() => ({ status: 404, headers: { "content-type": "text/plain" }, body: Buffer.from("no such repo") })),
  );
  // Where the blobs lie, anybody may have them.
  proxy.when({ kind: /^store\// }, async (exchange) =>
    exchange.reply(await askAsOperator(front, exchange.request.path.replace(/^\/store/, ""))),
  );
  proxy.when({ kind: "com.atproto.sync.getBlob" }, (exchange) => {
    exchange.reply({ status: 301, headers: { location: `/store${exchange.request.path}` }, body: Buffer.of() });
  });
  proxy.when({ kind: "com.atproto.sync.listRepos" }, async (exchange) => {
    const cursor = param(exchange, "cursor");
    if (cursor === "") {
      exchange.reply(json(200, { cursor: 1, repos: [] })); // everything of the first page was filtered out
      return;
    }
    const answer = await askAsOperator(front, "/xrpc/com.atproto.sync.listRepos?limit=1000");
    exchange.reply(json(200, { ...valueOf(answer), cursor: null }));
  });
  proxy.when(
    { kind: "com.atproto.server.checkAccountStatus" },
    changed((answer) => {
      const { repoCommit, repoRev } = valueOf(answer);
      const body = gzipSync(JSON.stringify({ validDid: true, repoCommit, repoRev }));
      return answer.status === 200
        ? { status: 200, headers: { ...answer.headers, "content-encoding": "gzip" }, body }
        : answer;
    }),
  );
  proxy.when(
    { kind: /^com\.atproto\.(server\.(activate|deactivate)Account|repo\.importRepo)$/ },
    changed((answer) =>
      answer.status === 200
        ? { status: 200, headers: { "content-type": "application/json" }, body: Buffer.of() }
        : answer,
    ),
  );
}
