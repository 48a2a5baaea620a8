/**
 * cocoon (June 2026): an account is active as soon as it is made, and has no repository until one is imported; the
 * server writes a commit of its own over what was imported; checkAccountStatus says what nobody has counted; errors
 * have no sentence; a refresh token is good once.
 */
import { changedJson } from "../../faults/faults.ts";
import { asOperator, inOtherWords, json, param, signAgain, signedIn, valueOf, type Front } from "./front.ts";

const failure = json(500, { error: "Internal server error" });
const unnamed = json(500, { message: "Internal Server Error" });

export function cocoon(front: Front): void {
  const { proxy } = front;
  /** accounts that were made here with a DID of their own, and have no repository yet */
  const empty = new Set<string>();
  const deactivated = new Set<string>();
  const spent = new Set<string>();

  proxy.when({ kind: "com.atproto.server.createAccount" }, async (exchange) => {
    const answer = await exchange.ask();
    const { did, handle, accessJwt, refreshJwt } = answer.status === 200 ? valueOf(answer) : {};
    if (typeof did === "string") {
      empty.add(did);
    }
    exchange.reply(answer.status === 200 ? json(200, { accessJwt, refreshJwt, handle, did }) : answer);
  });
  proxy.when({ kind: "com.atproto.server.createSession" }, async (exchange) => {
    const answer = await exchange.ask();
    if (answer.status >= 400) {
      const { error } = valueOf(answer);
      exchange.reply(json(400, { error: error === "AuthFactorTokenRequired" ? error : "InvalidRequest" }));
      return;
    }
    const value = valueOf(answer);
    const isOff = deactivated.has(String(value["did"]));
    const { status: _status, ...rest } = value;
    exchange.reply(json(200, { ...rest, active: !isOff, ...(isOff ? { status: "deactivated" } : {}) }));
  });
  proxy.when({ kind: "com.atproto.server.refreshSession" }, async (exchange) => {
    const { authorization = "" } = exchange.request;
    if (spent.has(authorization)) {
      exchange.reply(json(400, { error: "ExpiredToken", message: "*" }));
      return;
    }
    spent.add(authorization);
    await exchange.pass();
  });
  proxy.when({ kind: "com.atproto.sync.getRepoStatus" }, async (exchange) => {
    const answer = await exchange.ask();
    const did = param(exchange, "did");
    const isOff = deactivated.has(did);
    exchange.reply(
      answer.status >= 400
        ? unnamed
        : json(200, { did, active: !isOff, ...(isOff ? { status: "deactivated" } : { rev: "" }) }),
    );
  });
  proxy.when({ kind: /^com\.atproto\.sync\.(getRepo|getLatestCommit|getBlocks)$/ }, async (exchange) => {
    await (empty.has(param(exchange, "did")) ? exchange.reply(unnamed) : asOperator(front)(exchange));
  });
  proxy.when({ kind: "com.atproto.sync.getBlob" }, async (exchange) => {
    if (deactivated.has(param(exchange, "did"))) {
      exchange.reply(json(400, { error: "RepoDeactivated" }));
      return;
    }
    const answer = await exchange.ask();
    const headers = { ...answer.headers, "content-type": "application/octet-stream" };
    exchange.reply(answer.status < 400 ? { ...answer, headers } : failure);
  });
  proxy.when({ kind: "com.atproto.sync.listRepos" }, (exchange) => exchange.reply(failure));
  proxy.when({ kind: "com.atproto.server.checkAccountStatus" }, async (exchange) => {
    if (empty.has(signedIn(exchange))) {
      exchange.reply(failure);
      return;
    }
    await changedJson(({ importedBlobs, ...rest }) => ({
      ...rest,
      activated: true,
      validDid: true,
      expectedBlobs: importedBlobs,
      importedBlobs: 0,
    }))(exchange);
  });
  proxy.when({ kind: "com.atproto.repo.importRepo" }, async (exchange) => {
    const answer = await exchange.askWith(async (car) => signAgain(front, car));
    if (answer.status === 200) {
      empty.delete(signedIn(exchange));
    }
    exchange.reply(answer.status === 200 ? { ...answer, body: Buffer.of() } : failure);
  });
  proxy.when({ kind: /^com\.atproto\.server\.(activate|deactivate)Account$/ }, async (exchange) => {
    const answer = await exchange.ask();
    const did = signedIn(exchange);
    if (answer.status === 200) {
      const isOff = exchange.request.kind.endsWith("deactivateAccount");
      deactivated[isOff ? "add" : "delete"](did);
    }
    exchange.reply(answer.status === 200 ? { status: 200, headers: {}, body: Buffer.of() } : failure);
  });
  proxy.when(
    { kind: "com.atproto.identity.signPlcOperation" },
    inOtherWords(({ error }) =>
      error === "ExpiredToken" ? json(400, { error, message: "*" }) : json(400, { error: "InvalidToken" }),
    ),
  );
}
