/** A mailed code that is wrong is refused in other words at each server; what is about something else is not that. */
import { afterAll, expect, test } from "vitest";
import type { DecampError } from "../../src/errors.ts";
import { Http } from "../../src/services/http/http.ts";
import { Pds } from "../../src/services/servers/pds.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";

const http = new Http({ allowPrivateHosts: true, userAgent: "decamp/test", random: () => 0 });
const signal = AbortSignal.timeout(30_000);
afterAll(() => http.close());

const sign = "com.atproto.identity.signPlcOperation";
const good = { repoCommit: "bafy" };
const bad = { error: "InvalidToken", message: "Token could not be verified" };

/** @param session what checkAccountStatus answers: whether the session is good */
async function refusalOf(status: number, refusal: object, session: [number, object]): Promise<unknown> {
  await using server = await scriptedServer((request, response) => {
    const [code, body] = request.url?.includes(sign) === true ? [status, refusal] : session;
    sendJson(response, code, body);
  });
  return await new Pds(http, server.origin)
    .signPlcOperation("AAAAA-AAAAA", {}, signal)
    .catch((error: unknown) => error);
}

test.each<[string, number, object]>([
  ["the reference server", 400, { error: "InvalidToken", message: "Token is invalid" }],
  ["the reference server, of an old one", 400, { error: "ExpiredToken", message: "Token is expired" }],
  ["cocoon", 400, { error: "InvalidToken" }],
  ["cirrus", 400, { error: "InvalidToken", message: "Invalid or expired migration token" }],
  ["ezpds", 401, { error: "Unauthorized", message: "the confirmation code was not accepted" }],
  ["tranquil", 401, { error: "InvalidToken", message: "Invalid or expired token" }],
  ["one that says nothing", 400, {}],
])("a code that %s refuses", async (_, status, refusal) => {
  expect(await refusalOf(status, refusal, [200, good])).toMatchObject({ code: "plc-token-refused", exitCode: 4 });
});

test.each<[string, number, object, [number, object]]>([
  ["the session is not good", 400, { error: "InvalidToken" }, [400, bad]],
  [
    "the operation is meant",
    400,
    { error: "InvalidRequest", message: "Rotation keys do not include server's rotation key" },
    [200, good],
  ],
  ["a server before it fails", 502, { error: "UpstreamFailure" }, [200, good]],
])("where %s, the code is not blamed", async (_, status, refusal, session) => {
  const error = (await refusalOf(status, refusal, session)) as DecampError;
  expect(error.code).toBe("server-refused");
  expect(error.hint).not.toContain("code");
});

test("rsky fails: nobody knows whether that is the code, and it is said so", async () => {
  const failed = (await refusalOf(500, { error: "InternalServerError" }, [200, good])) as DecampError;
  expect([failed.code, failed.hint]).toEqual(["server-refused", expect.stringContaining("code is wrong or old")]);
});
