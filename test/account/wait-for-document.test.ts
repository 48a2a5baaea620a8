/** Waiting for the document of a did:web: a host that serves what a test wants, and a clock that goes by sleeping. */
import { expect, test } from "vitest";
import { waitForDocument, type Publication } from "../../src/account/web/wait-for-document.ts";
import { DecampError } from "../../src/errors.ts";
import { editDocument } from "../../src/identity/web-document.ts";
import { testKey } from "../tools/plc.ts";
import { forever } from "./support.ts";

const did = "did:web:alice.example.com";
const [old, now, other] = await Promise.all([testKey("old"), testKey("now"), testKey("other")]);
const documentOf = (key: { did: string }, pds: string): Record<string, unknown> => ({
  id: did,
  alsoKnownAs: ["at://alice.example.com"],
  verificationMethod: [
    { id: "#atproto", type: "Multikey", controller: did, publicKeyMultibase: key.did.slice("did:key:".length) },
  ],
  service: [{ id: "#atproto_pds", type: "AtprotoPersonalDataServer", serviceEndpoint: pds }],
});
const before = documentOf(old, "https://old.example.com");
const wanted = { signingKey: now.did, pds: "https://new.example.com", handle: "alice.example.com" };
const planned = editDocument(before, did, wanted);
const half = editDocument(before, did, { ...wanted, signingKey: old.did });
const publication: Publication = { did, wanted, before, planned, file: "/state/did.json" };

/**
 * A host that serves these one after the other, and the last one from then on; the time that was waited, in seconds.
 */
async function wait(served: readonly unknown[], seconds = 60, what: Publication = publication) {
  let time = 0;
  let asked = 0;
  const seen: (string | undefined)[] = [];
  const end = await waitForDocument(
    {
      webDocument: async () => {
        const answer = served[Math.min(asked++, served.length - 1)];
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      now: () => time,
      sleep: async (milliseconds) => {
        time += milliseconds;
        return Promise.resolve();
      },
    },
    what,
    seconds * 1000,
    ({ pds }) => seen.push(pds),
    forever,
  ).then(
    (published) => ({ published, error: undefined }),
    (error: unknown) => ({ published: undefined, error }),
  );
  return { ...end, asked, seen, waited: time / 1000 };
}

const down = new DecampError("unreachable", "alice.example.com could not be reached.");
const gone = new DecampError("account-not-found", "alice.example.com has no DID document.");

test("a document counts once it fits twice in a row, a moment apart", async () => {
  const { published, asked } = await wait([before, planned, planned]);
  expect(published).toMatchObject({ document: { pds: wanted.pds, signingKey: now.did }, differences: [] });
  expect(asked).toBe(3);
  // Behind one name are several machines, and one of them lags.
  expect(await wait([planned, before, planned, half, planned, planned])).toMatchObject({ asked: 6 });
  // The time is over, and what was seen once is looked at once more.
  expect(await wait([planned], 0)).toMatchObject({ asked: 2, waited: 1 });
});

test("while somebody is at work there, errors and halves are waited out", async () => {
  const { published, seen } = await wait([down, gone, { id: "did:web:bob.example.com" }, "<html>", half, planned]);
  expect(published).toMatchObject({ differences: [] });
  expect(seen).toEqual(["https://new.example.com", "https://new.example.com", "https://new.example.com"]);
});

test.each<[string, unknown, string[], string]>([
  ["the old document", before, ["#atproto", "#atproto_pds"], `#atproto is ${old.did} and not ${now.did}`],
  ["half of the new one", half, ["#atproto"], `#atproto is ${old.did} and not ${now.did}`],
  ["a host that is down", down, [], "alice.example.com could not be reached"],
])("in time there is %s: pending, and the file is named", async (_, served, fields, why) => {
  const { error, waited } = await wait([served]);
  expect(error).toMatchObject({ code: "not-published", exitCode: 8, data: { fields, file: "/state/did.json" } });
  expect(error).toMatchObject({
    message: expect.stringContaining(why) as string,
    hint: expect.stringContaining("Publish /state/did.json there") as string,
  });
  expect(waited).toBe(60);
});

test("without any time it is asked once", async () => {
  expect(await wait([before], 0)).toMatchObject({ asked: 1, waited: 0, error: { code: "not-published" } });
});

test.each<[string, Record<string, unknown>, string[]]>([
  ["another key", editDocument(before, did, { ...wanted, signingKey: other.did }), ["#atproto"]],
  ["another server", documentOf(now, "https://other.example.com"), ["#atproto_pds"]],
  ["the server with a slash", documentOf(now, "https://new.example.com/"), ["#atproto_pds"]],
  ["no key", { ...planned, verificationMethod: [] }, ["#atproto"]],
  ["another handle", { ...planned, alsoKnownAs: ["at://bob.example.com"] }, ["alsoKnownAs"]],
  ["the old one, changed elsewhere", { ...before, service: [...(before["service"] as []), {}] }, ["service[1]"]],
])("a document with %s is named at once", async (_, served, fields) => {
  const { error, waited } = await wait([before, served]);
  expect(error).toMatchObject({ code: "refused", data: { reason: "document-changed", fields } });
  expect(waited).toBeLessThan(5);
});

test("what its owner has changed beside the fields is told, and holds nothing up", async () => {
  const { published } = await wait([{ ...planned, alsoKnownAs: ["at://alice.example.com", "https://a.example.com"] }]);
  expect(published?.differences).toEqual([{ field: "alsoKnownAs[1]", kind: "added", after: "https://a.example.com" }]);
});

test("one that is there already is looked at twice, too; and taken away meanwhile, it is named", async () => {
  const there = { ...publication, before: planned };
  expect(await wait([planned], 60, there)).toMatchObject({ asked: 2, published: { differences: [] } });
  expect((await wait([planned, before], 60, there)).error).toMatchObject({
    data: { reason: "document-changed", fields: ["#atproto", "#atproto_pds"] },
  });
});

test("what does not pass by waiting ends it", async () => {
  const { error, asked } = await wait([new DecampError("private-address", "alice.example.com is no public address.")]);
  expect(error).toMatchObject({ code: "private-address" });
  expect(asked).toBe(1);
});
