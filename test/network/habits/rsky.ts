/**
 * rsky-pds 0.13 (Blacksky): an account that it does not have is an error of the server; a session says nothing of the
 * account's state; a signed operation comes without its wrapper; and it gives out no token for createAccount elsewhere.
 */
import { changedJson } from "../../faults/faults.ts";
import { inOtherWords, json, param, valueOf, type Front } from "./front.ts";

const failure = json(500, { error: "InternalServerError", message: "Something went wrong" });

export function rsky({ proxy }: Front): void {
  proxy.when(
    { kind: "com.atproto.sync.getRepoStatus" },
    inOtherWords(() => failure),
  );
  proxy.when({ kind: "com.atproto.server.createSession" }, async (exchange) => {
    const answer = await exchange.ask();
    if (answer.status === 401) {
      exchange.reply(json(400, { error: "InvalidLogin", message: "Invalid identifier or password" }));
      return;
    }
    const { active: _active, status: _status, ...rest } = valueOf(answer);
    exchange.reply(answer.status === 200 ? json(200, rest) : answer);
  });
  proxy.when(
    { kind: "com.atproto.server.refreshSession" },
    changedJson(({ active: _active, status: _status, ...rest }) => rest),
  );
  proxy.when({ kind: "com.atproto.server.getServiceAuth" }, async (exchange) => {
    if (param(exchange, "lxm") === "com.atproto.server.createAccount") {
      exchange.reply(failure);
    } else {
      await exchange.pass();
    }
  });
  proxy.when({ kind: "com.atproto.identity.signPlcOperation" }, async (exchange) => {
    const answer = await exchange.ask();
    exchange.reply(answer.status === 200 ? json(200, valueOf(answer)["operation"]) : answer);
  });
}
