/** A blob is gone only where the server says so, in the name of the protocol or as the reference server says it. */
import { expect, test } from "vitest";
import { isBlobNotFound } from "../../src/archive/unavailable.ts";
import { DecampError, type ErrorCode } from "../../src/errors.ts";

test.each<[string, ErrorCode, object, boolean]>([
  ["the name of the protocol", "server-refused", { status: 400, error: "BlobNotFound", detail: "gone" }, true],
  ["that name with another status", "server-refused", { status: 404, error: "BlobNotFound" }, true],
  ["the reference server", "server-refused", { status: 400, error: "InvalidRequest", detail: "Blob not found" }, true],
  ["another complaint", "server-refused", { status: 400, error: "InvalidRequest", detail: "Invalid CID" }, false],
  ["a 404 under another name", "server-refused", { status: 404, error: "NotFound", detail: "Blob not found" }, false],
  ["a failure of the server", "server-refused", { status: 500, error: "InternalServerError" }, false],
  ["a 404 without a name", "bad-answer", { status: 404 }, false],
  ["a redirect", "bad-answer", { status: 302 }, false],
  ["a server that cannot be reached", "unreachable", {}, false],
])("%s", (_, code, data, gone) => {
  expect(isBlobNotFound(new DecampError(code, "No.", { data: { ...data } }))).toBe(gone);
});
