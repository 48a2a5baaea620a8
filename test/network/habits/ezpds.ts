/**
 * ezpds (Custos): says NotFound where others say RepoNotFound and BlobNotFound; an account has no repository until one
 * is imported; a wrong code is a 401; the identity gets a method and a service beside those of the protocol.
 */
import { changedJson } from "../../faults/faults.ts";
import { inOtherWords, json, signedIn, valueOf, type Front } from "./front.ts";

export function ezpds({ proxy }: Front): void {
  const empty = new Set<string>();
  const notFound = inOtherWords(({ error }) =>
    (error ?? "").endsWith("NotFound") ? json(404, { error: "NotFound", message: "not found" }) : undefined,
  );
  proxy.when({ kind: /^com\.atproto\.sync\.(getRepoStatus|getBlob|getRepo|getLatestCommit)$/ }, notFound);
  proxy.when({ kind: "com.atproto.server.createAccount" }, async (exchange) => {
    const answer = await exchange.ask();
    if (answer.status === 200) {
      empty.add(String(valueOf(answer)["did"]));
    }
    exchange.reply(answer);
  });
  proxy.when({ kind: "com.atproto.repo.importRepo" }, async (exchange) => {
    const answer = await exchange.ask();
    if (answer.status === 200) {
      empty.delete(signedIn(exchange));
    }
    exchange.reply(answer);
  });
  proxy.when({ kind: "com.atproto.server.checkAccountStatus" }, async (exchange) => {
    const answer = await exchange.ask();
    const isEmpty = answer.status === 200 && empty.has(signedIn(exchange));
    exchange.reply(isEmpty ? json(200, { ...valueOf(answer), repoCommit: null, repoRev: null }) : answer);
  });
  for (const kind of ["com.atproto.sync.getRepo", "com.atproto.sync.getLatestCommit"]) {
    proxy.when({ kind }, async (exchange) => {
      if (empty.has(signedIn(exchange))) {
        exchange.reply(json(404, { error: "NotFound", message: "no repository" }));
      } else {
        await exchange.pass();
      }
    });
  }
  proxy.when(
    { kind: "com.atproto.identity.signPlcOperation" },
    inOtherWords(({ error }) =>
      error === "InvalidToken" || error === "ExpiredToken"
        ? json(401, { error: "Unauthorized", message: "the confirmation code was not accepted" })
        : undefined,
    ),
  );
  proxy.when(
    { kind: "com.atproto.identity.getRecommendedDidCredentials" },
    changedJson((value) => {
      const methods = value["verificationMethods"] as { atproto?: string };
      return {
        ...value,
        verificationMethods: { ...methods, atproto_space: methods.atproto },
        services: {
          ...(value["services"] as object),
          atproto_space: { type: "AtprotoSpaceHost", endpoint: "https://space.example.com" },
        },
      };
    }),
  );
}
