/**
 * Tranquil (July 2026): shows no repository and no blob of a deactivated account, not even to its owner, and lists its
 * records to everybody; writes a commit of its own over
 * what was imported; signs no operation that takes its own keys out; a code it does not take is a 400 or 401 in words
 * of its own.
 */
import { MemoryBlockstore, Repo, readCarWithRoot } from "@atproto/repo";
import type { Answer, Exchange } from "../../faults/proxy.ts";
import { askAsOperator, inOtherWords, json, param, signAgain, valueOf, type Front } from "./front.ts";

export function tranquil(front: Front): void {
  const { proxy, server } = front;
  const isOff = async (did: string): Promise<boolean> => {
    const asked = await fetch(`http://127.0.0.1:${server.port}/xrpc/com.atproto.sync.getRepoStatus?did=${did}`);
    return asked.ok && !((await asked.json()) as { active: boolean }).active;
  };
  proxy.when(
    { kind: /^com\.atproto\.sync\.(getRepo|getLatestCommit|getBlocks|getBlob|listBlobs|getRecord)$/ },
    async (exchange) => {
      await ((await isOff(param(exchange, "did")))
        ? exchange.reply(json(400, { error: "RepoDeactivated", message: "Repo has been deactivated" }))
        : exchange.pass());
    },
  );
  // The records themselves it lists to everybody.
  proxy.when({ kind: "com.atproto.repo.listRecords" }, async (exchange) => {
    const did = param(exchange, "repo");
    await ((await isOff(did)) ? exchange.reply(await listRecords(front, did, exchange)) : exchange.pass());
  });
  proxy.when({ kind: "com.atproto.repo.importRepo" }, async (exchange) => {
    exchange.reply(await exchange.askWith(async (car) => signAgain(front, car)));
  });
  proxy.when({ kind: "com.atproto.identity.signPlcOperation" }, async (exchange) => {
    const { authorization = "" } = exchange.request;
    const own = await fetch(`http://127.0.0.1:${server.port}/xrpc/com.atproto.identity.getRecommendedDidCredentials`, {
      headers: { authorization },
    });
    const { rotationKeys = [] } = own.ok ? ((await own.json()) as { rotationKeys?: string[] }) : {};
    let lacks = false;
    const answer = await exchange.ask((body) => {
      const asked = body["rotationKeys"] as readonly string[] | undefined;
      lacks = asked !== undefined && rotationKeys.some((key) => !asked.includes(key));
      return lacks ? { ...body, token: "AAAAA-AAAAA" } : body;
    });
    const { error } = answer.status < 400 ? {} : valueOf(answer);
    exchange.reply(
      lacks
        ? json(400, { error: "InvalidRequest", message: "Rotation keys do not include the server's rotation key" })
        : error === "InvalidToken"
          ? json(401, { error, message: "Invalid or expired token" })
          : answer,
    );
  });
  proxy.when(
    { kind: "com.atproto.server.createAccount" },
    inOtherWords(({ error, status }) =>
      error === "AlreadyExists" ? json(status, { error: "AccountExists" }) : undefined,
    ),
  );
}

/** A page of ten, with a cursor as long as there is anything on it. */
async function listRecords(front: Front, did: string, exchange: Exchange): Promise<Answer> {
  const { body } = await askAsOperator(front, `/xrpc/com.atproto.sync.getRepo?did=${did}`);
  const { root, blocks } = await readCarWithRoot(new Uint8Array(body));
  const repo = await Repo.load(new MemoryBlockstore(blocks), root);
  const [collection, after] = [param(exchange, "collection"), param(exchange, "cursor")];
  const records: { uri: string; cid: string; value: object }[] = [];
  for await (const { collection: of, rkey, cid } of repo.walkRecords()) {
    if (of === collection && rkey > after && records.length < 10) {
      records.push({ uri: `at://${did}/${of}/${rkey}`, cid: cid.toString(), value: {} });
    }
  }
  const cursor = records.at(-1)?.uri.split("/").at(-1);
  return json(200, { records, ...(cursor === undefined ? {} : { cursor }) });
}
