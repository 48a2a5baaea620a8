/** The network of a transcript: servers, accounts and a directory of its own, by the names that stand in the help. */
import { createServer, request } from "node:http";
import { fileURLToPath } from "node:url";
import type { Network } from "../network/control.ts";
import { createAccount } from "../network/account.ts";
import { populate } from "../network/populate.ts";
import type { PdsHandle } from "../network/pds.ts";
import { listen, stopServer } from "../network/ports.ts";
import { startPublicNames } from "../network/public-names.ts";
import type { Setting } from "./parse.ts";
import type { World } from "./run.ts";

const readMail = fileURLToPath(new URL("../network/read-mail.ts", import.meta.url));

/** Where the accounts of a transcript are, unless it names another server; its handles are those of example.com. */
const usualHome = "pds.example.com";

/** A world whose servers can be taken away. */
export interface OpenWorld extends World, AsyncDisposable {
  /** The server of that name is gone: nobody answers there any more. */
  readonly takeAway: (host: string) => Promise<void>;
}

/** @param name of the transcript */
export async function openWorld(network: Network, name: string, setting: Setting): Promise<OpenWorld> {
  const { home = usualHome } = setting;
  const hosts = [home, ...setting.servers];
  const servers = new Map<string, PdsHandle>();
  for (const host of hosts) {
    const serviceHandleDomains = host === home ? [".example.com"] : [`.${host}`, ".example.com"];
    const env = { serviceHandleDomains, emailFromAddress: `noreply@${host}` };
    servers.set(host, await network.addPds({ name: `${name}-${host}`, publicHost: host, env }));
  }
  const source = servers.get(home);
  if (source === undefined) {
    throw new Error(`there is no ${home}`);
  }
  const known: Record<string, string> = {};
  const dids = new Map<string, string>();
  for (const [index, { name: person, ...population }] of setting.accounts.entries()) {
    const account = await createAccount(source, {
      handle: `${person}.example.com`,
      // Transcripts run at the same time, and all mails end in one place.
      email: `${person}@${name}.example.com`,
      password: "the-old-password",
    });
    await populate(account, { ...population, seed: index + 1 });
    known[`did-${person}`] = account.did;
    dids.set(account.handle, account.did);
    known[`folder-${person}`] = account.did.replaceAll(":", "-");
  }
  const domains = await startDomains(dids, source.url);
  const everybodys = await startEverybodys(dids);
  const lead = (host: string): string | undefined => {
    if (host === "plc.directory") {
      return network.plcUrl;
    }
    if (host === "bsky.network" || host === "public.api.bsky.app") {
      return everybodys.url;
    }
    // A server answers for the handles that it gives out, too: those of one that is not the home.
    const parent = host.slice(host.indexOf(".") + 1);
    return (
      servers.get(host)?.url ?? servers.get(parent)?.url ?? (host.endsWith(".example.com") ? domains.url : undefined)
    );
  };
  const names = await startPublicNames(lead);
  return {
    env: {
      ...names.env,
      MAILBOX: `${process.execPath} ${readMail} ${network.controlUrl}`,
      PLC_URL: network.plcUrl,
      // As the operator of the server has it.
      PDS_ADMIN_PASSWORD: source.adminPassword,
    },
    known,
    takeAway: async (host) => {
      const server = servers.get(host);
      if (server === undefined) {
        throw new Error(`there is no ${host}`);
      }
      await network.stopPds(server);
    },
    [Symbol.asyncDispose]: async () => {
      await names[Symbol.asyncDispose]();
      await Promise.all([domains.stop(), everybodys.stop()]);
      await Promise.all([...servers.values()].map(async (server) => network.stopPds(server)));
    },
  };
}

/**
 * The domains of the persons: each says whose handle it is, wherever the account is. Of other names the server does,
 * which gives them out.
 */
async function startDomains(
  dids: ReadonlyMap<string, string>,
  home: string,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer(({ url = "", headers }, response) => {
    const did = url === "/.well-known/atproto-did" ? dids.get(headers.host ?? "") : undefined;
    if (did !== undefined) {
      response.writeHead(200, { "content-type": "text/plain" }).end(did);
      return;
    }
    const onward = request(`${home}${url}`, { headers: { host: headers.host } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { "content-type": "text/plain" });
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    onward.end();
  });
  const port = await listen(server, 0);
  return { url: `http://127.0.0.1:${port}`, stop: async () => stopServer(server) };
}

/** A relay that carries everybody, and an AppView that shows them, as the big ones do. */
async function startEverybodys(dids: ReadonlyMap<string, string>): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer(({ url = "" }, response) => {
    const { pathname, searchParams } = new URL(url, "http://localhost");
    const did = searchParams.get("actor") ?? searchParams.get("did");
    const [handle] = [...dids].find(([, one]) => one === did) ?? [];
    const answers: Readonly<Record<string, object>> = {
      "/xrpc/com.atproto.sync.getHostStatus": { hostname: searchParams.get("hostname"), status: "active" },
      "/xrpc/com.atproto.sync.getRepoStatus": { did, active: true },
      "/xrpc/app.bsky.actor.getProfile": { did, handle, followersCount: 0, followsCount: 0, postsCount: 0 },
      "/xrpc/app.bsky.feed.getPosts": { posts: searchParams.getAll("uris").map((uri) => ({ uri })) },
    };
    const answer = answers[pathname];
    response
      .writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" })
      .end(JSON.stringify(answer ?? { error: "NotFound" }));
  });
  const port = await listen(server, 0);
  return { url: `http://127.0.0.1:${port}`, stop: async () => stopServer(server) };
}
