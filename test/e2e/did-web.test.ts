/**
 * Accounts with a did:web, against real servers. The document lies on a host of its own, and everybody asks for it by
 * HTTPS: decamp, and the servers.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { verifyRepoCar } from "@atproto/repo";
import { expect, inject, test, vi } from "vitest";
import type { MigrationEvent } from "../../src/migration/events.ts";
import { login } from "../network/account.ts";
import { connectNetwork } from "../network/control.ts";
import { addPdsFor, createWebAccount, startWebHost } from "../network/did-web.ts";
import type { PdsHandle } from "../network/pds.ts";
import { applyWrites } from "../network/populate.ts";
import { listBlobs, listRecords, repoStatus } from "../network/read.ts";
import { startDecamp, type Ended } from "../network/run-decamp.ts";
import { procedure, query, queryBytes } from "../network/xrpc.ts";

vi.setConfig({ testTimeout: 120_000 });

const network = connectNetwork(inject("network"));

type DocumentEvent = MigrationEvent & { type: "document" };
interface Document {
  alsoKnownAs: string[];
  verificationMethod: { id: string; publicKeyMultibase: string }[];
  service: { id: string; serviceEndpoint: string }[];
}

/** Everything in a document but what a move changes. */
function rest({ alsoKnownAs, verificationMethod, service, ...others }: Document): unknown {
  return [
    others,
    alsoKnownAs.slice(1),
    verificationMethod.map((one) => (one.id === "#atproto" ? { ...one, publicKeyMultibase: "" } : one)),
    service.map((one) => (one.id === "#atproto_pds" ? { ...one, serviceEndpoint: "" } : one)),
  ];
}

function commandOf(command: string, what: string, flags: Record<string, string>): string[] {
  return [command, what, ...Object.entries(flags).flat()];
}

/** Whether another program than decamp proves the repository with this key alone. */
async function isSigned(url: string, did: string, key: string): Promise<boolean> {
  const car = await queryBytes(url, "com.atproto.sync.getRepo", { params: { did } });
  return verifyRepoCar(car, did, key).then(
    () => true,
    () => false,
  );
}

function described({ code, stderr }: Ended): string {
  return code === 0 ? "exit 0" : `exit ${code ?? ""} ${stderr}`;
}

test("there and back between two servers, and back from the archive", async () => {
  await using web = await startWebHost("alice.web.test");
  const { did, names } = web;
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-web-"));
  const [a, b] = await Promise.all([addPdsFor(network, web, "weba"), addPdsFor(network, web, "webb")]);
  const account = await createWebAccount(a, web, "alice");
  const live = (): Document => JSON.parse(web.document ?? "") as Document;
  const first = live();

  let files = 0;
  const secret = async (text: string): Promise<string> => {
    files += 1;
    const file = path.join(folder, `secret-${files}`);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  const common = ["--allow-private-hosts", "--no-input", "--json", "--state-dir", path.join(folder, "state")];
  const documents: DocumentEvent[] = [];
  /** Runs decamp; whenever it waits for a document, `act` is told the file. */
  const run = async (
    args: string[],
    act?: (file: string, stop: () => void) => Promise<void> | void,
  ): Promise<Ended> => {
    const { child, ended } = startDecamp([...args, ...common], { env: names.env });
    const acting: unknown[] = [];
    let text = "";
    child.stdout?.on("data", (chunk: string) => {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const event of lines.map((line) => JSON.parse(line) as MigrationEvent)) {
        if (event.type === "document") {
          documents.push(event);
          acting.push(act?.(event.file, () => child.kill("SIGINT")));
        }
      }
    });
    const end = await ended;
    await Promise.all(acting);
    return end;
  };
  const publish = async (file: string): Promise<void> => {
    web.document = await readFile(file, "utf8");
  };
  const move = async (to: PdsHandle, passwords: [old: string, now: string]): Promise<string[]> =>
    commandOf("migrate", did, {
      "--to": to.url,
      "--confirm-did": did,
      "--new-handle": `alice${to.handleDomain}`,
      "--new-email": "alice@new.example.com",
      "--password-file": await secret(passwords[0]),
      "--new-password-file": await secret(passwords[1]),
    });
  /** What has to hold once the account lives at `to`. */
  const flaws = async (from: PdsHandle | undefined, to: PdsHandle, password: string): Promise<string[]> => {
    const document = live();
    const session = await login(to, `alice${to.handleDomain}`, password);
    const { verificationMethods } = await query<{ verificationMethods: { atproto: string } }>(
      to.url,
      "com.atproto.identity.getRecommendedDidCredentials",
      { token: session.accessJwt },
    );
    const checks = {
      key: `did:key:${document.verificationMethod[1]?.publicKeyMultibase}` === verificationMethods.atproto,
      server: document.service[0]?.serviceEndpoint === to.url,
      handle: document.alsoKnownAs[0] === `at://alice${to.handleDomain}`,
      "active there": (await repoStatus({ url: to.url, did })) === "active",
      // No log says which key was the account's before, so the head is signed with the one that the document names.
      "signed there": await isSigned(to.url, did, verificationMethods.atproto),
      "not active here": from === undefined || (await repoStatus({ url: from.url, did })) === "deactivated",
    };
    expect(rest(document)).toEqual(rest(first));
    return Object.entries(checks).flatMap(([what, holds]) => (holds ? [] : [what]));
  };

  // It is looked over from outside as any other account is, but for the log that it has not.
  const { stdout: health } = await run(["doctor", did]);
  expect(JSON.parse(health)).toMatchObject({ did, home: a.url });
  const { checks } = JSON.parse(health) as { checks: { id: string; state: string }[] };
  for (const id of ["identity", "home", "signature"]) {
    expect(checks).toContainEqual(expect.objectContaining({ id, state: "ok" }));
  }

  // A to B. The wait is interrupted, and nothing is changed then; the next run goes on with it.
  const there = await move(b, [account.password, "the-password-at-b"]);
  const before = await listRecords({ url: a.url, did });
  const stopped = await run(there, (_, stop) => stop());
  expect(stopped.code).toBe(130);
  expect(JSON.parse(stopped.stderr)).toMatchObject({
    code: "interrupted",
    data: { resume: expect.stringContaining(`decamp migrate ${did} --to ${b.url}`) as string },
  });
  expect(live()).toEqual(first);
  const moved = await run(there, publish);
  expect(described(moved)).toBe("exit 0");
  expect(await flaws(a, b, "the-password-at-b")).toEqual([]);
  expect(await listRecords({ url: b.url, did })).toEqual(before);
  expect(await listBlobs({ url: b.url, did })).toHaveLength(4);
  const [event] = documents;
  expect(JSON.parse(await readFile(event?.kept ?? "", "utf8"))).toEqual(first);
  // Past every cache: so decamp asks, and nobody else does.
  expect(web.asked.filter((header) => header === "no-cache").length).toBeGreaterThan(3);

  // An archive that goes on after the key has changed.
  const archive = path.join(folder, "archive");
  const exportFrom = async (pds: PdsHandle, password: string): Promise<string> =>
    described(
      await run(
        commandOf("export", did, { "-o": archive, "--from": pds.url, "--password-file": await secret(password) }),
      ),
    );
  expect(await exportFrom(b, "the-password-at-b")).toBe("exit 0");

  // Back again; something is written while the document is waited for.
  const back = await move(a, ["the-password-at-b", account.password]);
  const atB = await login(b, `alice${b.handleDomain}`, "the-password-at-b");
  const returned = await run(back, async (file) => {
    const record = { $type: "app.bsky.feed.post", text: "late", createdAt: new Date().toISOString() };
    await applyWrites(atB, [{ collection: "app.bsky.feed.post", rkey: "3mzzzzzzzzz2z", value: record }]);
    await publish(file);
  });
  expect(described(returned)).toBe("exit 0");
  expect(await flaws(b, a, account.password)).toEqual([]);
  const now = await listRecords({ url: a.url, did });
  expect(now).toHaveLength(before.length + 1);

  // The archive of A, A killed, and B without the copy that it has left.
  expect(await exportFrom(a, account.password)).toBe("exit 0");
  await network.killPds(a);
  const authorization = `Basic ${Buffer.from(`admin:${b.adminPassword}`).toString("base64")}`;
  await procedure(b.url, "com.atproto.admin.deleteAccount", { did }, { headers: { authorization } });
  documents.length = 0;
  const restored = await run(
    commandOf("restore", archive, {
      "--to": b.url,
      "--confirm-did": did,
      "--new-handle": `alice${b.handleDomain}`,
      "--new-email": "alice@back.example.com",
      "--new-password-file": await secret("restored"),
      "--passphrase-file": await secret("a passphrase"),
    }),
    publish,
  );
  expect(described(restored)).toBe("exit 0");
  expect(documents).toHaveLength(2);
  expect(await flaws(undefined, b, "restored")).toEqual([]);
  expect(await listRecords({ url: b.url, did })).toEqual(now);
  expect(await listBlobs({ url: b.url, did })).toHaveLength(4);

  // What may be wrong with it lies in the document: each is named, with what has to stand there.
  const whole = web.document ?? "";
  const key = live().verificationMethod[1]?.publicKeyMultibase ?? "";
  const strange = whole.replace(key, first.verificationMethod[0]?.publicKeyMultibase ?? "");
  const password = ["--password-file", await secret("restored")];
  const look = async (...flags: string[]): Promise<{ code: number | null; wrong: Record<string, string>[] }> => {
    const { code, stdout } = await run(["doctor", did, "--quick", ...flags]);
    const { checks } = JSON.parse(stdout) as { checks: Record<string, string>[] };
    return { code, wrong: checks.filter(({ state }) => state === "fault") };
  };
  expect(await look()).toEqual({ code: 0, wrong: [] });
  web.document = strange;
  const wrongKey = await look();
  expect(wrongKey).toMatchObject({ code: 3, wrong: [{ id: "signature" }] });
  expect(wrongKey.wrong[0]?.["next"]).toMatch(/^decamp doctor \S+ --sign-in /);
  const asked = await look("--sign-in", ...password);
  expect(asked.wrong.find(({ id }) => id === "credentials")?.["message"]).toContain(`did:key:${key}`);
  await procedure(
    b.url,
    "com.atproto.server.deactivateAccount",
    {},
    { token: (await login(b, `alice${b.handleDomain}`, "restored")).accessJwt },
  );
  const refused = await run(["account", "activate", did, ...password]);
  expect([refused.code, JSON.parse(refused.stderr)]).toMatchObject([
    5,
    { hint: expect.stringContaining(`did:key:${key}`) as string },
  ]);
  web.document = whole;
  expect(described(await run(["account", "activate", did, ...password]))).toBe("exit 0");
  web.document = undefined;
  expect(await look()).toMatchObject({ code: 3, wrong: [{ id: "identity" }] });
  await rm(folder, { recursive: true });
});
