/** Work on an identity by the library alone, as docs/LIBRARY.md says. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  addRotationKey,
  editOperation,
  judgeOperation,
  openServices,
  parsePrivateKey,
  readAccount,
  type IdentityAnswers,
} from "../../src/index.ts";
import { startLyingServer, type LyingServer } from "../faults/lying-server.ts";
import { testKey } from "../tools/plc.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-library-"));
const [user, server] = await Promise.all([testKey("user"), testKey("server")]);
const held = parsePrivateKey("1f".repeat(32));
const fresh = parsePrivateKey("2e".repeat(32));
let bed: LyingServer;
beforeAll(async () => {
  bed = await startLyingServer([{ did: held.didKey, sign: async (data) => held.sign(data) }, user, server]);
});
afterAll(() => {
  bed.stop();
  rmSync(folder, { recursive: true });
});

const nobody = (): never => {
  throw new Error("nothing is asked where a key signs, and the directory gets it");
};
const answers: IdentityAnswers = {
  canAskAgain: false,
  hasPlcToken: false,
  sourcePassword: nobody,
  authFactorCode: nobody,
  targetPassword: nobody,
  plcToken: nobody,
  confirmIdentityChange: ({ did, differences }) => {
    expect({ did, differences }).toEqual({
      did: bed.did,
      differences: [{ field: "rotationKeys[0]", kind: "added", after: fresh.didKey }],
    });
    return Promise.resolve();
  },
};

test("a change is judged, and carried out with a key", async () => {
  const services = openServices({ plcUrl: bed.origin, allowPrivateHosts: true, stateDir: folder });
  const { signal } = new AbortController();

  const account = await readAccount(services, bed.did, {}, signal);
  const operation = editOperation(account.log.head, { addRotationKeys: [fresh.didKey] });
  const { findings } = judgeOperation(account.log, operation, { expectedKeys: [fresh.didKey] }, Date.now());
  expect(findings).toEqual([]);

  const result = await addRotationKey(
    { services, answers, show: () => undefined, signal },
    {
      account: bed.did,
      key: fresh.didKey,
      proof: fresh,
      openSigner: () => Promise.resolve(held),
      route: "directory",
      allowPrivateHosts: true,
    },
  );
  expect(result).toMatchObject({ state: "added", nullified: [], entry: { signer: held.didKey } });
  expect(bed.submitted).toHaveLength(1);
  services.close();
});
