/**
 * Cirrus 0.18: a server of one account, which is there before anything was imported. It calls itself by the account's
 * DID, makes no accounts and deletes none; it says activated as soon as there are records; its code comes from a tool
 * of its own and not by mail.
 */
import { changedJson, refuse } from "../../faults/faults.ts";
import { askAsOperator, asOperator, inOtherWords, json, param, signedIn, valueOf, type Front } from "./front.ts";

/** @param did whose server it is; the account has to be there. @param livesThere whether it is active */
export function cirrus(front: Front, did: string, livesThere: boolean): void {
  const { proxy } = front;
  const deactivated = new Set(livesThere ? [] : [did]);
  proxy.when(
    { kind: "com.atproto.server.describeServer" },
    changedJson(() => ({ did, availableUserDomains: [], inviteCodeRequired: false })),
  );
  proxy.when(
    { kind: /^com\.atproto\.server\.(createAccount|requestAccountDelete|deleteAccount)$/ },
    async (exchange) => {
      exchange.reply(json(501, { error: "MethodNotImplemented", message: "Method Not Implemented" }));
    },
  );
  proxy.when({ kind: /^com\.atproto\.server\.(create|refresh)Session$/ }, async (exchange) => {
    const answer = await exchange.ask();
    const { status: _status, ...rest } = valueOf(answer);
    exchange.reply(answer.status === 200 ? json(200, { ...rest, active: true, emailConfirmed: true }) : answer);
  });
  proxy.when({ kind: /^com\.atproto\.sync\.(getRepo|getBlocks|getBlob|listBlobs)$/ }, asOperator(front));
  proxy.when({ kind: "com.atproto.identity.resolveHandle" }, async (exchange) => {
    const answer = await askAsOperator(front, `/xrpc/com.atproto.admin.getAccountInfo?did=${did}`);
    await (answer.status === 200 && valueOf(answer)["handle"] === param(exchange, "handle")
      ? exchange.reply(json(200, { did }))
      : exchange.pass());
  });
  proxy.when({ kind: "com.atproto.sync.getLatestCommit" }, async (exchange) => {
    await (deactivated.has(param(exchange, "did"))
      ? refuse(400, "RepoDeactivated", "Repository has been deactivated")(exchange)
      : exchange.pass());
  });
  proxy.when(
    { kind: "com.atproto.server.checkAccountStatus" },
    changedJson(({ activated, indexedRecords, repoCommit, repoRev, ...rest }) => ({
      ...rest,
      activated: activated === true || Number(indexedRecords) > 0,
      validDid: true,
      indexedRecords,
      ...(Number(indexedRecords) > 0 ? { repoCommit, repoRev } : { repoCommit: null, repoRev: null }),
    })),
  );
  proxy.when({ kind: /^com\.atproto\.server\.(activate|deactivate)Account$/ }, async (exchange) => {
    const answer = await exchange.ask();
    const whose = signedIn(exchange);
    if (answer.status === 200) {
      const isOff = exchange.request.kind.endsWith("deactivateAccount");
      deactivated[isOff ? "add" : "delete"](whose);
    }
    exchange.reply(answer);
  });
  proxy.when(
    { kind: "com.atproto.identity.signPlcOperation" },
    inOtherWords(({ error }) =>
      error === "InvalidToken" || error === "ExpiredToken"
        ? json(400, { error: "InvalidToken", message: "Invalid or expired migration token" })
        : undefined,
    ),
  );
}
