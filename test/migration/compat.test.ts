/** The journals of earlier versions, as those wrote them (test/tools/compat.ts), read by this one. */
import { chmodSync, cpSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { findJournals, rememberedDids } from "../../src/migration/journal.ts";
import { testCid } from "../tools/plc.ts";

const folder = fileURLToPath(new URL("../../fixtures/compat/", import.meta.url));
const scratch = mkdtempSync(path.join(tmpdir(), "decamp-compat-"));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** What went into a move. */
interface About {
  did: string;
  handle: string;
  source: string;
  target: string;
  newHandle: string;
  flags: readonly string[];
}

const places = globSync("*/journals/*", { cwd: folder }).toSorted();

test("there are journals of moves that stopped at six places", () => {
  expect(places.filter((place) => place.startsWith("cfdfa5a"))).toHaveLength(6);
});

describe.each(places)("%s", (place) => {
  // Whatever a later version makes of a journal that it reads, the fixtures stay as they are.
  const stateDir = path.join(scratch, place);
  cpSync(path.join(folder, place), stateDir, { recursive: true });
  // A checkout has the permissions that its umask gives.
  for (const name of [".", ...globSync("migrations/*", { cwd: stateDir }), "migrations"]) {
    chmodSync(path.join(stateDir, name), 0o700);
  }
  const about = JSON.parse(readFileSync(path.join(stateDir, "about.json"), "utf8")) as About;
  const { did, source, target, newHandle, flags } = about;
  const isSigned = !["export", "create-account", "compare"].includes(flags[flags.indexOf("--until") + 1] ?? "");

  test("is found by its account and its handles, with all that it says", async () => {
    const journals = await findJournals(stateDir, did);
    expect(await rememberedDids(stateDir, about.handle)).toEqual([did]);
    expect(await rememberedDids(stateDir, newHandle)).toEqual([did]);
    expect(journals).toMatchObject([{ did, handle: about.handle, source, target, newHandle }]);
    const [journal] = journals;
    expect(journal?.frozen).toBe(flags.includes("--freeze") ? true : undefined);
    expect(journal?.signed !== undefined).toBe(isSigned);
    if (journal?.signed !== undefined) {
      expect(journal.signed.cid).toBe(testCid(journal.signed.operation));
      expect(journal.signed.operation).toMatchObject({
        alsoKnownAs: [`at://${newHandle}`],
        services: { atproto_pds: { endpoint: target } },
      });
    }
  });
});
