/** What a refusal says of a request: in other words at each server. */
import { expect, test } from "vitest";
import { DecampError } from "../../src/errors.ts";
import { isTooLarge } from "../../src/services/servers/refusal.ts";

test.each<[string, object, boolean]>([
  ["the reference server", { status: 413, error: "PayloadTooLarge", detail: "request entity too large" }, true],
  ["a proxy before it", { status: 413 }, true],
  ["cirrus", { status: 400, error: "RepoTooLarge", detail: "Repository too large. Maximum size is 100MB" }, true],
  ["rsky", { status: 400, error: "InvalidRequest", detail: "Content-Length is greater than maximum of 100MB" }, true],
  ["another one", { status: 400, error: "InvalidRequest", detail: "The file exceeds the size limit of 50 MB" }, true],
  ["a blob", { status: 400, error: "BlobTooLarge" }, true],
  ["what is not about the size", { status: 400, error: "InvalidRequest", detail: "expected one root" }, false],
  ["an account that is there", { status: 400, error: "InvalidRequest", detail: "Repository already exists" }, false],
  ["a failure", { status: 500, error: "InternalServerError", detail: "too large" }, false],
  ["too many requests", { status: 429, error: "RateLimitExceeded", detail: "over the limit" }, false],
])("%s is too large, as it says, or not", (_, data, isSo) => {
  expect(isTooLarge(new DecampError("server-refused", "No.", { data: { ...data } }))).toBe(isSo);
});
