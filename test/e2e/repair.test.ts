/**
 * What `plc repair` and `account activate` do not take for the server of an account, and what they say of an identity
 * that its server cannot work with.
 */
import { mkdtempSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, inject, test, vi } from "vitest";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";
import type { Account } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import {
  addOwnParts,
  changeIdentity,
  generateUserKey,
  lastOperation,
  type PlcFields,
  type UserKey,
} from "../network/identity.ts";
import { createFilled } from "../network/populate.ts";
import { repoStatus } from "../network/read.ts";
import { prepareMove, runDecamp, type Ended } from "../network/run-decamp.ts";
import { procedure } from "../network/xrpc.ts";

vi.setConfig({ testTimeout: 120_000 });

const network = connectNetwork(inject("network"));
const { a, b, plcUrl } = network;
const home = mkdtempSync(path.join(tmpdir(), "decamp-repair-"));
afterAll(() => rmSync(home, { recursive: true }));
const where = ["--plc-url", plcUrl, "--allow-private-hosts", "--no-input", "--json"];

async function filled(name: string): Promise<Account> {
  return createFilled(a, `${name}-repair`, { records: 20, blobs: 2, seed: 186 });
}

/** Runs `plc repair`, or what else is named. */
async function repair(
  account: Account,
  key: UserKey,
  args: readonly string[],
  command = ["plc", "repair"],
): Promise<Ended> {
  const env = { PLC_SIGNING_KEY: key.privateKeyHex, DECAMP_SOURCE_PASSWORD: account.password, XDG_STATE_HOME: home };
  return runDecamp([...command, account.did, ...args, ...where], { env });
}

/** The document that says what went wrong. */
function failure({ stdout, stderr }: Ended): unknown {
  return JSON.parse((stdout === "" ? stderr : stdout).trim().split("\n").at(-1) ?? "");
}

/** Answers what another server answers. */
async function passOn(url: string, response: ServerResponse): Promise<void> {
  const answer = await fetch(url);
  response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
  response.end(Buffer.from(await answer.arrayBuffer()));
}

async function identity(did: string): Promise<PlcFields> {
  const { rotationKeys, alsoKnownAs, verificationMethods, services } = await lastOperation(plcUrl, did);
  return { rotationKeys, alsoKnownAs, verificationMethods, services };
}

test("a server that shows what is public of another one, and takes any password, does not get the identity", async () => {
  const account = await filled("mirrored");
  const key = await addOwnParts(network, account);
  const strange = await generateUserKey();
  const archive = path.join(home, "mirrored");
  await runDecamp(["export", account.did, "-o", archive, "--plc-url", plcUrl, "--allow-private-hosts"]);
  const before = await identity(account.did);
  const asked: string[] = [];
  let signingKey = strange.didKey;
  let hidden = false;
  await using mirror = await scriptedServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? "", "http://localhost");
    const method = pathname.replace("/xrpc/", "");
    asked.push(method);
    if (method.startsWith("com.atproto.sync.") && !hidden) {
      void passOn(`${a.url}${pathname}${search}`, response);
      return;
    }
    const answers: Record<string, unknown> = {
      "com.atproto.server.createSession": {
        did: account.did,
        handle: account.handle,
        active: true,
        accessJwt: account.accessJwt,
        refreshJwt: account.accessJwt,
      },
      "com.atproto.identity.getRecommendedDidCredentials": {
        rotationKeys: [strange.didKey],
        alsoKnownAs: [`at://${account.handle}`],
        verificationMethods: { atproto: signingKey },
        services: { atproto_pds: { type: "AtprotoPersonalDataServer", endpoint: mirror.origin } },
      },
      "com.atproto.server.getServiceAuth": { token: "e30.e30.e30" },
    };
    const answer = answers[method];
    sendJson(
      response,
      answer === undefined ? 400 : 200,
      answer ?? { error: "RepoNotFound", message: "no such account" },
    );
  });
  const typed = ["--server", mirror.origin, "--archive", archive, "--confirm-did", account.did];
  const own = before.verificationMethods["atproto"] ?? expect.fail();
  for (const named of [strange.didKey, own]) {
    signingKey = named;
    const refused = await repair(account, key, typed);
    expect([refused.code, failure(refused)]).toMatchObject([9, { code: "refused", data: { reason: "no-key" } }]);
    expect(asked).not.toContain("com.atproto.identity.submitPlcOperation");
  }
  expect(asked).toContain("com.atproto.server.getServiceAuth");

  // One that shows nothing of the account does not even get the password.
  asked.length = 0;
  hidden = true;
  const absent = await repair(account, key, typed);
  expect([absent.code, failure(absent)]).toMatchObject([9, { data: { reason: "absent" } }]);
  expect(asked).not.toContain("com.atproto.server.createSession");
  expect(await identity(account.did)).toEqual(before);
});

test("a copy that a move has only begun does not get its key into the identity", async () => {
  const account = await filled("begun");
  const key = await addOwnParts(network, account);
  const move = await prepareMove(network, account, b);
  expect((await runDecamp([...move.args, "--until", "create-account"])).code).toBe(0);
  const { services } = await identity(account.did);
  const there = { type: "AtprotoPersonalDataServer", endpoint: b.url };
  await changeIdentity(network, account, () => ({ services: { ...services, atproto_pds: there } }));
  const before = await identity(account.did);
  const owner = { ...account, password: move.newPassword };
  const unnamed = await repair(owner, key, ["--confirm-did", account.did]);
  expect([unnamed.code, failure(unnamed)]).toMatchObject([9, { data: { reason: "unsettled-server" } }]);
  const refused = await repair(owner, key, ["--confirm-did", account.did, "--from", b.url]);
  expect([refused.code, failure(refused)]).toMatchObject([9, { code: "refused", data: { reason: "empty" } }]);
  expect(await identity(account.did)).toEqual(before);
  await move.remove();
});

test("deactivated, and the identity does not say what the server needs: activate names repair, and then it is activated", async () => {
  const account = await filled("lacking");
  const key = await addOwnParts(network, account);
  const before = await identity(account.did);
  const strange = await generateUserKey();
  const pds = before.services["atproto_pds"] ?? expect.fail();
  await changeIdentity(network, account, () => ({
    rotationKeys: [key.didKey],
    verificationMethods: { atproto: strange.didKey },
    services: { ...before.services, atproto_pds: { ...pds, endpoint: `${pds.endpoint}/` } },
  }));
  await procedure(a.url, "com.atproto.server.deactivateAccount", {}, { token: account.accessJwt });

  const activate = async (): Promise<Ended> => repair(account, key, [], ["account", "activate"]);
  const refused = await activate();
  expect([refused.code, failure(refused)]).toMatchObject([
    5,
    { code: "server-refused", data: { next: expect.stringMatching(/^decamp plc repair did:plc:/) as string } },
  ]);
  expect((await repair(account, key, ["--archive", home])).code).toBe(2);
  const repaired = await repair(account, key, ["--confirm-did", account.did, "--via", "directory"]);
  expect([repaired.code, failure(repaired)]).toMatchObject([0, { state: "repaired" }]);
  expect(await identity(account.did)).toEqual(before);
  expect((await activate()).code).toBe(0);
  expect(await repoStatus({ url: a.url, did: account.did })).toBe("active");

  // An active account may do without a key of its server: that is left as it is.
  await changeIdentity(network, account, () => ({ rotationKeys: [key.didKey] }));
  const inOrder = await repair(account, key, ["--confirm-did", account.did]);
  expect([inOrder.code, failure(inOrder)]).toMatchObject([0, { state: "in-order" }]);
});
