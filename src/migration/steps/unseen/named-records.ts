/**
 * Records that the new server names although it does not show the repository (com.atproto.repo.listRecords). A path and
 * a CID are not the record; but what an import has lost or mixed up shows, before the identity changes.
 */

import { hash } from "node:crypto";
import { withRepo } from "../../../archive/open-repo.ts";
import { isDecampError } from "../../../errors.ts";
import { recordsInTurns } from "../../../repo/records.ts";
import type { Context } from "../../context.ts";

/** A set of lines, of which only the sum of their hashes is kept: no server lists them in the order of the tree. */
class Lines {
  #sum = 0n;

  add(line: string): void {
    this.#sum = BigInt.asUintN(256, this.#sum + BigInt(`0x${hash("sha256", line, "hex")}`));
  }

  isSame(other: Lines): boolean {
    return this.#sum === other.#sum;
  }
}

/**
 * Whether the records that the new server names in the collections of the snapshot are those of the snapshot.
 *
 * @returns undefined where it does not name them
 * @throws DecampError where it cannot be reached
 */
export async function namesSameRecords(context: Context): Promise<boolean | undefined> {
  const { archive, snapshot, target, identity, signal } = context;
  const sent = new Lines();
  const collections = new Set<string>();
  await withRepo(archive, snapshot, async (repo) => {
    for await (const { path, collection, cid } of recordsInTurns(repo, { signal })) {
      sent.add(`${path} ${cid}`);
      collections.add(collection);
    }
  });
  const there = new Lines();
  try {
    for (const collection of collections) {
      for await (const line of target.listRecords(identity.did, collection, signal)) {
        there.add(line);
      }
    }
  } catch (error) {
    if (isDecampError(error, "server-refused", "bad-answer", "limit-exceeded")) {
      return undefined;
    }
    throw error;
  }
  return there.isSame(sent);
}
