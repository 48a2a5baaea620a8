/**
 * The operations that decamp has made on this machine, one small file a DID, so that a watch does not take them for
 * somebody else's. Earlier versions have left those of moves in their journals alone.
 */
import { isJsonObject } from "../../../data/json-object.ts";
import { expectedFailure } from "../../../errors.ts";
import { joinPath, listFolder, writeShared } from "../files.ts";
import { ownFolder, readOwn } from "../own-files.ts";

const folder = "made";
/** So many are kept for each DID: what is older nobody can undo. */
const most = 100;

/** Remembers an operation. Durable when it resolves. @throws DecampError `refused` as own-files.ts, `storage` */
export async function noteMade(stateDir: string, did: string, cid: string): Promise<void> {
  await ownFolder(stateDir, folder, true);
  const made = [...new Set([...(await readMade(stateDir, did)), cid])].slice(-most);
  await writeShared(place(stateDir, did), `${JSON.stringify({ did, made })}\n`);
}

/**
 * What decamp has made of a DID on this machine, as far as that can be read.
 *
 * @throws DecampError `refused`, `unreadable-file` as own-files.ts, `storage`
 */
export async function madeOperations(stateDir: string, did: string): Promise<readonly string[]> {
  return [...new Set([...(await readMade(stateDir, did)), ...(await signedInJournals(stateDir, did))])];
}

/** The same; none where it cannot be read, or no folder of the state is known. @throws the signal's reason */
export async function madeHere(
  stateDir: string | undefined,
  did: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (stateDir === undefined) {
    return [];
  }
  try {
    return await madeOperations(stateDir, did);
  } catch (error) {
    expectedFailure(error, signal);
    return [];
  }
}

async function readMade(stateDir: string, did: string): Promise<readonly string[]> {
  await ownFolder(stateDir, folder);
  const value = parse(await readOwn(place(stateDir, did)));
  const made = isJsonObject(value) && value["did"] === did ? value["made"] : undefined;
  return Array.isArray(made) ? made.filter((cid) => typeof cid === "string") : [];
}

function place(stateDir: string, did: string): string {
  return joinPath(stateDir, folder, `${nameOf(did)}.json`);
}

function nameOf(did: string): string {
  return did.replaceAll(/[^a-zA-Z0-9.]+/g, "-");
}

const migrations = "migrations";

async function signedInJournals(stateDir: string, did: string): Promise<readonly string[]> {
  const names = await listFolder(joinPath(stateDir, migrations)).catch(() => []);
  const own = names.filter((name) => name.startsWith(nameOf(did)) && name.endsWith(".journal"));
  const texts = await Promise.all(
    own.map(async (name) =>
      new TextDecoder().decode(
        (await readOwn(joinPath(stateDir, migrations, name)).catch(() => undefined)) ?? new Uint8Array(),
      ),
    ),
  );
  return texts.flatMap((text) =>
    [...text.matchAll(/"type":"signed","cid":"([a-z2-7]{59})"/g)].flatMap(([, cid]) => cid ?? []),
  );
}

function parse(bytes: Uint8Array | undefined): unknown {
  try {
    return bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
