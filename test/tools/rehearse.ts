/**
 * `npm run rehearse -- ARCHIVE`: a copy of an archive comes back with the real command, on servers of this machine, and
 * with an identity of its own. The archive is only read. Exit code 1 if anything did not come back.
 */
import { startNetwork } from "../network/index.ts";
import { rehearse } from "../network/rehearsal.ts";
import { run } from "./run.ts";

const [archive] = process.argv.slice(2);
if (archive === undefined) {
  console.error("npm run rehearse -- ARCHIVE: name the archive that is to be tried.");
  process.exit(2);
}
if ((await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
console.log("Starting a directory of identities and a server on this machine …");
const network = await startNetwork();
let flaws: string[] | undefined;
try {
  const { did, records, blobs, ...rest } = await rehearse(archive, { plcUrl: network.plcUrl, target: network.b }, true);
  ({ flaws } = rest);
  console.log(`\nAs ${did}, an identity that was made for this, there came back: ${records} records, ${blobs} blobs.`);
  for (const flaw of flaws) {
    console.log(`  FAILED ${flaw}`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
} finally {
  await network.stop();
}
console.log(flaws?.length === 0 ? "The archive comes back whole." : "The archive does not come back whole.");
process.exit(flaws?.length === 0 ? 0 : 1);
