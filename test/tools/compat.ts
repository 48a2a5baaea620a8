/**
 * Makes fixtures/compat/NAME with another version of decamp: the journals of moves that were interrupted, and an
 * archive of two snapshots. `npm run compat FOLDER NAME`, where FOLDER is a checkout of that version, built (`npm ci &&
 * npm run build`), and NAME what it is called. The servers are those of this version's tests. The files are raw, as
 * that version wrote them; about.json has what went in. Other identities and times come out at each run: what is
 * committed is not made anew, the next version is added beside it.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startNetwork } from "../network/index.ts";
import { applyWrites, createFilled } from "../network/populate.ts";
import { prepareMove } from "../network/run-decamp.ts";
import { compatCall, orEnd } from "./usage.ts";

/** What a journal is of: where the move stops, and with which other flags. */
const moves: Record<string, readonly string[]> = {
  "until-export": ["--until", "export"],
  "until-create-account": ["--until", "create-account"],
  "until-compare-frozen": ["--until", "compare", "--freeze"],
  "until-sign-operation": ["--until", "sign-operation"],
  "until-submit-operation": ["--until", "submit-operation"],
  finished: [],
};

const { checkout, name } = orEnd(compatCall(process.argv.slice(2)));
const bin = path.resolve(checkout, "bin", "decamp.js");
const folder = fileURLToPath(new URL(`../../fixtures/compat/${name}/`, import.meta.url));
await rm(folder, { recursive: true, force: true });
const network = await startNetwork();
try {
  for (const [place, [of, flags]] of Object.entries(moves).entries()) {
    const account = await createFilled(network.a, `mover${place}`, { records: 20, blobs: 2, seed: 60 + place });
    const move = await prepareMove(network, account, network.b);
    await decamp([...move.args, ...flags]);
    const to = path.join(folder, "journals", of);
    await cp(path.join(move.stateDir, "migrations"), path.join(to, "migrations"), {
      recursive: true,
      filter: (file) => !file.endsWith(".lock"),
    });
    await about(to, {
      did: account.did,
      handle: account.handle,
      source: network.a.url,
      target: network.b.url,
      newHandle: move.newHandle,
      flags,
    });
    await move.remove();
  }
  await makeArchive(path.join(folder, "archive"));
} finally {
  await network.stop();
}

async function makeArchive(to: string): Promise<void> {
  const account = await createFilled(network.a, "keeper", { records: 30, blobs: 3, seed: 70 });
  const scratch = await mkdtemp(path.join(tmpdir(), "decamp-compat-"));
  const password = path.join(scratch, "password");
  await writeFile(password, account.password, { mode: 0o600 });
  const flags = ["--from", network.a.url, "--plc-url", network.plcUrl, "--state-dir", path.join(scratch, "state")];
  const command = ["export", account.handle, "-o", path.join(to, "files"), "--password-file", password];
  const args = [...command, ...flags, "--allow-private-hosts", "--no-input"];
  await decamp(args);
  const added = { $type: "app.bsky.feed.post", text: "Between two snapshots.", createdAt: "2026-01-05T12:00:00.000Z" };
  await applyWrites(account, [{ collection: "app.bsky.feed.post", rkey: "3mbnr4zjc4c2a", value: added }]);
  await decamp(args);
  await about(to, { did: account.did, handle: account.handle, records: [30, 31], blobs: 3, added });
  await rm(scratch, { recursive: true, force: true });
}

async function about(to: string, facts: object): Promise<void> {
  await mkdir(to, { recursive: true });
  await writeFile(path.join(to, "about.json"), `${JSON.stringify(facts, null, 2)}\n`);
}

/** Runs the other version. 8 is how later ones end where they were told to stop while nobody can see the account. */
async function decamp(args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [bin, ...args]).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === 8)) {
      throw error;
    }
  });
}
