/**
 * `npm run rehearse -- ARCHIVE`: a copy of an archive comes back with the real command, on servers of this machine, and
 * with an identity of its own. The archive is only read. Exit code 1 if anything did not come back.
 */
import { openSnapshot } from "../../src/archive/open.ts";
import { isDecampError } from "../../src/errors.ts";
import { startNetwork } from "../network/index.ts";
import { rehearse } from "../network/rehearsal.ts";
import { run } from "./run.ts";

const [archive] = process.argv.slice(2);
if (archive === undefined) {
  console.error("npm run rehearse -- ARCHIVE: name the archive that is to be tried.");
  process.exit(2);
}
try {
  await openSnapshot(archive);
} catch (error) {
  console.error(isDecampError(error) ? `${error.message} ${error.hint}` : error);
  console.error("For a folder with the archives of many accounts, name the one that is to be tried.");
  process.exit(2);
}
if ((await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
console.log("Starting a directory of identities and a server on this machine …");
console.log("Your identity is not touched: all that follows is a copy, with an identity and keys made for this.\n");
const network = await startNetwork();
let flaws: string[] | undefined;
try {
  const { did, records, blobs, ...rest } = await rehearse(archive, { plcUrl: network.plcUrl, target: network.b }, true);
  ({ flaws } = rest);
  console.log(`\nAs ${did}, an identity that was made for this, there came back: ${records} records, ${blobs} blobs.`);
  console.log("What was made for it is removed now, and there is nothing that you have to do next.");
  for (const flaw of flaws) {
    console.log(`  FAILED ${flaw}`);
  }
} catch (error) {
  console.error(`\nThe rehearsal stopped: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await network.stop();
}
console.log(
  flaws === undefined
    ? "Whether the archive comes back is not known: see above."
    : flaws.length === 0
      ? "The archive comes back whole."
      : "The archive does not come back whole.",
);
process.exit(flaws?.length === 0 ? 0 : 1);
