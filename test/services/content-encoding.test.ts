/**
 * Answers that come compressed although nobody asked: unfolded, and counted by what they unfold to; or refused by name.
 */
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import * as zlib from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { limitsWith } from "../../src/data/budgets.ts";
import type { DecampError } from "../../src/errors.ts";
import { Http } from "../../src/services/http/http.ts";
import { readBody, readBytes } from "../../src/services/http/http-answer.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, type ScriptedServer } from "../faults/scripted-server.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0 });
const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const signal = AbortSignal.timeout(30_000);
afterAll(() => http.close());

const preferences = { preferences: [{ text: "hello ".repeat(1000) }] };
const plain = Buffer.from(JSON.stringify(preferences));

async function giving(encoding: string, body: Uint8Array, headers = {}): Promise<ScriptedServer> {
  return scriptedServer((_, response) =>
    response
      .writeHead(200, {
        "content-type": "application/json",
        "content-encoding": encoding,
        "content-length": body.length,
        ...headers,
      })
      .end(body),
  );
}
const failure = async (work: Promise<unknown>): Promise<DecampError> =>
  work.then(
    () => expect.unreachable("it should have failed"),
    (error: unknown) => error as DecampError,
  );
const asked = async ({ origin }: ScriptedServer): Promise<unknown> => new Pds(http, origin).getPreferences(signal);

test("nothing compressed is asked for", async () => {
  let accepted: unknown;
  await using server = await scriptedServer((request, response) => {
    accepted = request.headers["accept-encoding"];
    response.writeHead(200, { "content-type": "application/json" }).end(plain);
  });
  expect(await asked(server)).toEqual(preferences.preferences);
  expect(accepted).toBe("identity");
});

test.each<[string, Uint8Array]>([
  ["identity", plain],
  ["", plain],
  ["gzip", zlib.gzipSync(plain)],
  ["GZip", zlib.gzipSync(plain)],
  ["x-gzip", zlib.gzipSync(plain)],
  ["deflate", zlib.deflateSync(plain)],
  ["br", zlib.brotliCompressSync(plain)],
  ["zstd", zlib.zstdCompressSync(plain)],
  ["gzip, gzip", zlib.gzipSync(zlib.gzipSync(plain))],
  ["gzip, identity, br", zlib.brotliCompressSync(zlib.gzipSync(plain))],
])("an answer in %j is read", async (encoding, body) => {
  await using server = await giving(encoding, body);
  expect(await asked(server)).toEqual(preferences.preferences);
});

test("a blob is what was compressed, and its announced length is not that of what came", async () => {
  await using server = await giving("gzip", zlib.gzipSync(plain), { "content-type": "image/png" });
  const { bytes, length, mimeType } = await new Pds(http, server.origin).getBlob(did, "bafyone", signal);
  expect(await buffer(bytes)).toEqual(plain);
  expect({ length, mimeType }).toEqual({ length: undefined, mimeType: "image/png" });
});

test("a refusal is read as well", async () => {
  const body = zlib.gzipSync(JSON.stringify({ error: "RepoNotFound", message: "No" }));
  await using server = await scriptedServer((_, response) =>
    response.writeHead(400, { "content-encoding": "gzip" }).end(body),
  );
  expect(await failure(new Pds(http, server.origin).statedHead(did, signal))).toMatchObject({
    code: "server-refused",
    data: { status: 400, error: "RepoNotFound", detail: "No" },
  });
});

test("an empty body is empty, whatever it is called", async () => {
  await using server = await scriptedServer((_, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).flushHeaders();
    response.end();
  });
  await new Pds(http, server.origin).activate(signal);
});

test.each(["compress", "aes128gcm", "__proto__", "gzip, gzip, gzip, gzip", "gzip;q=1"])(
  "%j is refused by its name",
  async (encoding) => {
    await using server = await giving(encoding, zlib.gzipSync(plain));
    const { code, message } = await failure(asked(server));
    expect(code).toBe("bad-answer");
    expect(message).toContain(`an encoding that decamp does not read: ${encoding}.`);
  },
);

const blob = async ({ origin }: ScriptedServer): Promise<Uint8Array> =>
  buffer((await new Pds(http, origin).getBlob(did, "bafyone", signal)).bytes);

describe("what is not what it is called", () => {
  test.each(["gzip", "deflate", "br", "zstd"])("%s", async (encoding) => {
    await using server = await giving(encoding, Buffer.from("this is not compressed at all"));
    const { code, message } = await failure(blob(server));
    expect({ code, message }).toEqual({
      code: "bad-answer",
      message: `${new URL(server.origin).host} answered with bytes that are not in the encoding that it names.`,
    });
  });

  test("a body that was cut before it was sent is one that stops half way", async () => {
    const body = zlib.gzipSync(plain);
    await using server = await giving("gzip", body.subarray(0, body.length - 9));
    const { code, message } = await failure(blob(server));
    expect(code).toBe("unreachable");
    expect(message).toContain("the answer stopped half way");
  });
});

describe("a bomb", () => {
  /** A gigabyte in a megabyte, made piece by piece; `ended` when nobody takes any more of it. */
  const zeros = Buffer.alloc(1 << 20);

  test("is given up where the limit is, and its connection with it", async () => {
    let made = 0;
    const given = Promise.withResolvers<unknown>();
    await using server = await scriptedServer((_, response) => {
      const gzip = zlib.createGzip({ level: 1 });
      response.writeHead(200, { "content-encoding": "gzip" });
      const more = (): void => {
        while (made < 1024 && !response.destroyed) {
          made += 1;
          if (!gzip.write(zeros)) {
            gzip.once("drain", more);
            return;
          }
        }
        gzip.end();
      };
      gzip.pipe(response);
      given.resolve(once(response, "close"));
      more();
    });
    const url = new URL("/x", server.origin);
    const { code, message } = await failure(
      http
        .send({ url, signal })
        .then((answer) => readBody({ ...answer, limits: limitsWith({ jsonBytes: 5 << 20 }) }, url)),
    );
    expect(code).toBe("bad-answer");
    expect(message).toContain("more than 5242880 bytes");
    await given.promise;
    expect(made).toBeLessThan(1024);
  });

  test("of much that unfolds to nothing is given up, too", async () => {
    // Whole gzip files of nothing, one after the other.
    const nothing = Buffer.concat(Array.from({ length: 5000 }, () => zlib.gzipSync("")));
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      const more = (): void => {
        while (!response.destroyed && response.write(nothing)) {
          // until it is full
        }
      };
      response.on("drain", more);
      more();
    });
    const url = new URL("/x", server.origin);
    const answer = await http.send({ url, signal });
    const { code, message } = await failure(buffer(readBytes(answer, url, "blobBytes")));
    expect(code).toBe("bad-answer");
    expect(message).toContain("sends much that unfolds to nothing");
  });
});
