/**
 * Writes files in a process of its own, for which writing goes wrong: `lines PLACE` or `new PLACE`. Says what came of
 * it.
 */
import { isDecampError } from "../../src/errors.ts";
import { AppendFile } from "../../src/services/disk/append-file.ts";
import { writeNew } from "../../src/services/disk/files.ts";

const [what, place = ""] = process.argv.slice(2);

async function attempt(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    return isDecampError(error, "storage") ? String(error.data["reason"]) : String(error);
  }
}

const results: string[] = [];
if (what === "new") {
  results.push(await attempt(async () => writeNew(place, "x".repeat(3000))));
} else {
  const file = await AppendFile.open(place);
  // More than 2000 bytes in all, the last ones of them few.
  for (const line of ["a".repeat(900), "b".repeat(900), "c"]) {
    results.push(await attempt(async () => file.append(line)));
  }
  await file.close();
}
process.stdout.write(JSON.stringify(results));
