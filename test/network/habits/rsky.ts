/**
 * rsky-pds 0.13 (Blacksky): an account that it does not have is an error of the server; a session says nothing of the
 * account's state; a signed operation comes without its wrapper, and a wrong code is a failure; times in preferences
 * are written anew.
 */
import { changedJson } from "../../faults/faults.ts";
import { inOtherWords, json, valueOf, type Front } from "./front.ts";

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
  proxy.when({ kind: "app.bsky.actor.getPreferences" }, async (exchange) => {
    const answer = await exchange.ask();
    const body = answer.body.toString("utf8").replaceAll(/(T\d\d:\d\d:\d\d)\.0+Z/g, "$1Z");
    exchange.reply({ ...answer, body: Buffer.from(body) });
  });
  proxy.when({ kind: "com.atproto.identity.signPlcOperation" }, async (exchange) => {
    const answer = await exchange.ask();
    exchange.reply(answer.status === 200 ? json(200, valueOf(answer)["operation"]) : failure);
  });
}
