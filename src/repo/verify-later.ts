/**
 * `verifyRepo` for programs that may never call it: the code that proves is loaded only when a repository is verified.
 */
import type { RepoReport } from "./report.ts";
import type { RepoSource } from "./source.ts";
import type { Expectation, VerifyOptions } from "./verify.ts";

/**
 * Verifies a repository from where it lies, or from a stream, as `verifyRepo` of `decamp` does; its code is loaded now.
 *
 * @param input a file or memory; or chunks, which are read once: blocks that come before they are wanted are held in
 *   memory then
 * @returns the report; what is wrong with the repository is never thrown
 * @throws the signal's reason when it is aborted; DecampError `damaged` or `unsupported` if an expected signing key is
 *   no did:key that is known; whatever reading throws
 */
export async function verifyRepo(
  input: RepoSource | AsyncIterable<Uint8Array>,
  expectation: Expectation,
  options: VerifyOptions = {},
): Promise<RepoReport> {
  const door = await import("./verify.ts");
  return door.verifyRepo(input, expectation, options);
}
