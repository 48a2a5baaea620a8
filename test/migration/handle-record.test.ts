/** The record of a domain, and waiting for it, in a world that says what a test wants; its clock goes by sleeping. */
import { describe, expect, test } from "vitest";
import type { AccountServices } from "../../src/account/services.ts";
import { DecampError } from "../../src/errors.ts";
import { handleRecord, waitForRecord } from "../../src/migration/afterwards/handle-record.ts";
import { createHandleResolver } from "../../src/services/servers/resolver.ts";
import { dnsServer } from "../faults/dns-server.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const handle = "alice.example.com";
const record = handleRecord(did, handle);
const other = "did:plc:44ybard66vv44zksje25o7dz";
const unreachable = new DecampError("unreachable", "Nothing answers there.");

const send = async (): Promise<never> => Promise.reject(unreachable);

/** What is seen one after the other, the last one from then on; and the time that was waited, in seconds. */
async function wait(answers: readonly unknown[], seconds: number, of = record, isGivenOut = false) {
  let time = 0;
  let asked = 0;
  const because: string[] = [];
  const answer = async (): Promise<unknown> => {
    const next = answers[Math.min(asked++, answers.length - 1)];
    return next instanceof Error ? Promise.reject(next) : next;
  };
  const services = {
    handles: { resolve: answer },
    webDocument: answer,
    now: () => time,
    sleep: async (milliseconds: number) => {
      time += milliseconds;
      return Promise.resolve();
    },
  } as unknown as AccountServices;
  const error = await waitForRecord(
    services,
    of,
    { until: seconds * 1000, isGivenOut },
    (why) => because.push(why),
    new AbortController().signal,
  ).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  return { error, asked, because, waited: time / 1000 };
}

test("a record that is there is not waited for", async () => {
  expect(await wait([did], 0)).toEqual({ error: undefined, asked: 1, because: [], waited: 0 });
});

test("it is looked for again and again, also while nobody can be asked, and each time it is said why", async () => {
  const { error, asked, because } = await wait([undefined, unreachable, undefined, did], 600);
  expect({ error, asked }).toEqual({ error: undefined, asked: 4 });
  expect(because).toHaveLength(3);
  expect(because[1]).toContain("Nothing answers there.");
});

test("the wait has an end, and what was missing is in the error", async () => {
  const { error, waited, asked } = await wait([undefined], 600);
  expect(error).toMatchObject({
    code: "not-published",
    exitCode: 8,
    data: { did, handle, dnsName: `_atproto.${handle}`, dnsValue: `did=${did}`, fileContent: did },
  });
  expect(waited).toBe(600);
  expect(asked).toBeLessThan(60);
  expect((await wait([undefined], 0)).asked).toBe(1);
});

test("a domain that leads to somebody else is not waited for", async () => {
  for (const answer of [other, new DecampError("identity-invalid", `It names ${other} and more.`)]) {
    const { error, asked } = await wait([undefined, answer, did], 600);
    expect(error).toMatchObject({ code: "handle-taken", message: expect.stringContaining(other) as string });
    expect(asked).toBe(2);
  }
});

describe("of a did:web", () => {
  const web = "did:web:alice.example.com";
  const document = (...alsoKnownAs: string[]): object => ({ id: web, alsoKnownAs });
  const ofWeb = handleRecord(web, handle);

  test("the document has to claim the handle, and only that where the server gives the name out", async () => {
    const seen = await wait([document("at://old.example.com"), document(`at://${handle}`)], 600, ofWeb, true);
    expect(seen).toMatchObject({ error: undefined, asked: 2 });
    expect(seen.because[0]).toContain("names old.example.com");
    const missing = await wait([document()], 0, ofWeb, true);
    expect(missing.error).toMatchObject({
      code: "not-published",
      data: { url: `https://${handle}/.well-known/did.json` },
    });
    expect((missing.error as DecampError).data).not.toHaveProperty("dnsName");
    expect((await wait([unreachable, document(`at://${handle}`)], 600, ofWeb, true)).error).toBeUndefined();
  });

  test("both are looked for where it is a domain of one's own", async () => {
    expect(await wait([web, document(`at://${handle}`)], 0, ofWeb)).toMatchObject({ error: undefined, asked: 2 });
  });
});

test("the entry in DNS is what a resolver reads", async () => {
  await using dns = await dnsServer({ [record.dnsName]: [[record.dnsValue]] });
  const resolver = createHandleResolver({ send }, { dnsServers: [dns.address] });
  expect(await resolver.resolve(handle, new AbortController().signal)).toBe(did);
});
