/** A media type is sent only if it is one: what a record says may be anything. */
import { Readable } from "node:stream";
import { afterAll, expect, test } from "vitest";
import { Http } from "../../src/services/http/http.ts";
import { mediaTypeToSend } from "../../src/services/http/media-type.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test" });
afterAll(() => http.close());

test.each(["image/png", "text/plain; charset=utf-8", 'a/b;c="d e"', "application/vnd.x+json", `x/${"y".repeat(253)}`])(
  "is sent as it is: %s",
  (type) => {
    expect(mediaTypeToSend(type)).toBe(type);
  },
);

const others = [
  "",
  "image",
  "image/",
  "/png",
  "image/日本",
  "image/ü",
  "a/b\r\nx-evil: 1",
  " a/b",
  "a/b;",
  'a/b;c="\n"',
];

test.each([...others, `x/${"y".repeat(254)}`])("is not sent: %j", (type) => {
  expect(mediaTypeToSend(type)).toBe("application/octet-stream");
});

test("a blob with any of them is uploaded, and nothing of it gets into the request", async () => {
  const headers: Record<string, unknown>[] = [];
  await using server = await scriptedServer((request, response) => {
    headers.push(request.headers);
    sendJson(response, 200, { blob: { ref: { $link: "bafk" } } });
  });
  const pds = new Pds(http, server.origin);
  const blob = { length: 2, open: () => Readable.from([Buffer.from("xx")]) };
  for (const type of [...others, "a".repeat(20_000)]) {
    expect(await pds.uploadBlob(blob, type, AbortSignal.timeout(10_000))).toBe("bafk");
  }
  expect(headers.map((one) => one["content-type"])).toEqual(headers.map(() => "application/octet-stream"));
  expect(headers.filter((one) => "x-evil" in one)).toEqual([]);
});
