/**
 * Real servers with a proxy before each, for one move at a time: the old server `a` of the network, a new server of the
 * lane's own, and the directory. decamp gets the addresses of the proxies; the tests look at the servers behind them.
 */
import { isDeepStrictEqual } from "node:util";
import type { Account } from "../network/account.ts";
import type { Network } from "../network/control.ts";
import { auditLog, didDocument } from "../network/identity.ts";
import type { PdsHandle, PdsOptions } from "../network/pds.ts";
import { createFilled } from "../network/populate.ts";
import { freePort } from "../network/ports.ts";
import { lookBefore, proveMove, type Before } from "../network/prove.ts";
import { getLatestCommit, repoStatus } from "../network/read.ts";
import { prepareMove, type Ended, type Move } from "../network/run-decamp.ts";
import { startProxy, type Proxy } from "./proxy.ts";

/** `npm run faults`: everything, for hours. `npm test` does a part of it. */
export const isLong = process.env["DECAMP_FAULTS"] === "long";

/** Which cases of the long form, by their names. */
export const onlyCases: RegExp = new RegExp(process.env["DECAMP_FAULTS_ONLY"] ?? "");

/** Which server of a move. */
export type Side = "source" | "target" | "directory";

export interface Lane extends AsyncDisposable {
  proxies: Record<Side, Proxy>;
  target: PdsHandle;
  /** an account with records, blobs and preferences, and the command that moves it */
  newSubject(options?: SubjectOptions): Promise<Subject>;
}

export interface SubjectOptions {
  records?: number;
  blobs?: number;
  /** what happens to the filled account before anybody looks */
  prepare?: (account: Account) => Promise<unknown>;
}

/** An account that is to be moved. */
export interface Subject {
  account: Account;
  before: Before;
  move: Move;
  /** what is not as it was: the old account has to be active and unchanged, the identity the same */
  changes: () => Promise<string[]>;
  /** what is missing in a move that has ended */
  flaws: () => Promise<string[]>;
}

let accounts = 0;

/** Opens a lane. Its name has to be free among the servers of the network; three to ten letters and digits. */
export async function openLane(network: Network, name: string, options: Pick<PdsOptions, "apart"> = {}): Promise<Lane> {
  const publicPort = await freePort();
  const target = await network.addPds({ ...options, name, publicPort });
  const { a, plcUrl } = network;
  const source = await startProxy({ targetPort: a.port });
  const directory = await startProxy({ targetPort: Number(new URL(plcUrl).port) });
  const proxies = { source, directory, target: await startProxy({ port: publicPort, targetPort: target.port }) };
  const seen = { ...network, plcUrl: directory.url };
  return {
    proxies,
    target,
    async newSubject({ records = 24, blobs = 5, prepare } = {}) {
      accounts += 1;
      const label = `${name}${accounts}`;
      const account = await createFilled(a, label, { records, blobs, seed: accounts });
      await prepare?.(account);
      const before = await lookBefore(plcUrl, account);
      const move = await prepareMove(seen, { ...account, pds: { ...a, url: source.url } }, target);
      return {
        account,
        before,
        move,
        changes: async () => changes(network, before, target),
        flaws: async () => {
          const moved = { handle: move.newHandle, password: move.newPassword };
          const checks = await proveMove(plcUrl, before, target, moved);
          return checks.filter(({ ok }) => !ok).map(({ name: what, detail }) => `${what}: ${detail}`);
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(Object.values(proxies).map(async (proxy) => proxy.stop()));
      await network.stopPds(target);
    },
  };
}

async function changes({ plcUrl }: Network, before: Before, target: PdsHandle): Promise<string[]> {
  const { account, head, log, document } = before;
  const { did, pds } = account;
  const [there, here, latest, logNow, documentNow] = await Promise.all([
    repoStatus({ url: pds.url, did }),
    repoStatus({ url: target.url, did }),
    getLatestCommit({ url: pds.url, did, token: account.accessJwt }),
    auditLog(plcUrl, did),
    didDocument(plcUrl, did),
  ]);
  return [
    ...(there === "active" ? [] : [`the account is ${there} on the old server`]),
    ...(here === "active" ? ["the account is active on the new server"] : []),
    ...(latest.cid === head ? [] : [`the head on the old server is ${latest.cid}`]),
    ...(isDeepStrictEqual(logNow, log) ? [] : ["the log is another one"]),
    ...(isDeepStrictEqual(documentNow, document) ? [] : ["the DID document is another one"]),
  ];
}

/** How a run ended, in a line for the report of a test. */
export function describeEnd({ code, signal, stderr }: Ended): string {
  const said = stderr.split("\n").filter((line) => /^(Error|Hint):/.test(line));
  return [`exit ${code ?? signal ?? ""}`, ...said].join(" ");
}
