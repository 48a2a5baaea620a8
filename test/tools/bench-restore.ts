/**
 * `npm run bench-restore [-- --records=N --blobs=N --rounds=N]`: a whole restore beside a bare script that sends the
 * same and reads nothing back, in turns, each to a new server in a process of its own. Writes
 * docs/BENCHMARKS-RESTORE.md, unless other numbers are given.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Secp256k1Keypair } from "@atproto/crypto";
import { archiveName, blobFile, snapshotFile } from "../../src/archive/layout.ts";
import type { Manifest } from "../../src/archive/manifest.ts";
import { openSnapshot } from "../../src/archive/open.ts";
import { bareRestore, type BareRestore } from "../bench/bare-restore.ts";
import { cache, carPath, generate } from "../bench/generate.ts";
import { postPhotos } from "../bench/photos.ts";
import type { Usage } from "../bench/usage.ts";
import { login, type Account } from "../network/account.ts";
import { sendOperation } from "../network/identity.ts";
import { startMailSink } from "../network/mail.ts";
import { startPds, type RunningPds } from "../network/pds.ts";
import { startPlc } from "../network/plc.ts";
import { checkAccountStatus } from "../network/read.ts";
import { asTestKey, copyWithOwnIdentity } from "../network/rehearsal.ts";
import { prepareRestore, startDecamp } from "../network/run-decamp.ts";
import { operation, servedAt, signed, testDid } from "./plc.ts";
import { run } from "./run.ts";

const whole = { records: 100_000, blobs: 2000, rounds: 3 };
const { values } = parseArgs({
  options: { records: { type: "string" }, blobs: { type: "string" }, rounds: { type: "string" } },
});
const records = Number(values.records ?? whole.records);
const blobs = Number(values.blobs ?? whole.blobs);
const rounds = Number(values.rounds ?? whole.rounds);
const blobSize = 200_000;
const wanted = 1.4;
const preferences = [{ $type: "app.bsky.actor.defs#adultContentPref", enabled: false }];

if ((await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
const directory = await mkdtemp(path.join(tmpdir(), "decamp-bench-restore-"));
const usageFile = path.join(directory, "usage.json");
const usageModule = new URL("../bench/usage.ts", import.meta.url);
const [plc, mail] = await Promise.all([startPlc(), startMailSink()]);

interface Key {
  pair: Secp256k1Keypair;
  hex: string;
}

async function makeKey(): Promise<Key> {
  const pair = await Secp256k1Keypair.create({ exportable: true });
  return { pair, hex: Buffer.from(await pair.export()).toString("hex") };
}

async function startServer(name: string): Promise<RunningPds> {
  return startPds({ name, apart: true }, { directory, plcUrl: plc.url, smtpUrl: mail.smtpUrl });
}

function accountAt({ handle: { handleDomain } }: RunningPds): BareRestore["account"] {
  return { handle: `bench${handleDomain}`, email: "bench@example.com", password: "only for the benchmark" };
}

/** An account on a server, with so many records and blobs. Its repository comes by an import: that is quicker. */
async function makeAccount(home: RunningPds): Promise<Account> {
  const [signingKey, rotationKey] = [await makeKey(), await makeKey()];
  const content = {
    rotationKeys: [rotationKey.pair.did()],
    verificationMethods: { atproto: signingKey.pair.did() },
    ...servedAt(home.handle.url),
  };
  const genesis = await signed(operation(null, content), asTestKey(rotationKey.pair));
  const did = testDid(genesis);
  await sendOperation(plc.url, did, genesis);
  const size = { name: archiveName(did), records: records - Math.ceil(blobs / 4), did, pictures: false };
  await generate(size);
  const account = accountAt(home);
  await bareRestore({
    plcUrl: plc.url,
    target: home.handle.url,
    did,
    signingKey: signingKey.hex,
    rotationKey: rotationKey.hex,
    account,
    car: fileURLToPath(carPath(size, "pds")),
    blobs: [],
    preferences,
  });
  const session = await login(home.handle, account.handle, account.password);
  await postPhotos(session, { count: blobs, size: blobSize, seed: 1 });
  return session;
}

async function exportFrom({ pds, did, password }: Account): Promise<string> {
  const archive = path.join(directory, "archive");
  const passwordFile = path.join(directory, "old-password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  const from = ["--from", pds.url, "--plc-url", plc.url, "--password-file", passwordFile];
  const where = ["--state-dir", path.join(directory, "state"), "--allow-private-hosts", "--no-input"];
  const { code, stderr } = await startDecamp(["export", did, "-o", archive, ...from, ...where]).ended;
  if (code !== 0) {
    throw new Error(`the export failed: ${stderr}`);
  }
  return archive;
}

interface Turn extends Usage {
  /** seconds from before the process is started until it is gone */
  wall: number;
  /** seconds that each step took, as decamp says */
  steps: Map<string, number>;
}

interface Task {
  folder: string;
  archive: string;
  input: BareRestore;
  target: RunningPds;
}

type Work = (task: Task) => Promise<Turn>;

async function measure(start: () => Promise<{ code: number | null; stderr: string }>): Promise<Turn> {
  const started = performance.now();
  const { code, stderr } = await start();
  const wall = (performance.now() - started) / 1000;
  if (code !== 0) {
    throw new Error(`it ended with exit code ${code}: ${stderr}`);
  }
  return { ...(JSON.parse(await readFile(usageFile, "utf8")) as Usage), wall, steps: new Map() };
}

const bare: Work = async ({ input }) => {
  const script = fileURLToPath(new URL("../bench/bare-restore.ts", import.meta.url));
  return measure(async () => {
    const child = spawn(process.execPath, ["--import", usageModule.href, script], {
      env: { ...process.env, USAGE_FILE: usageFile },
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.stdin.end(JSON.stringify(input));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stderr: "see above" };
  });
};

const decamp: Work = async ({ folder, archive, input, target }) => {
  const args = await prepareRestore(folder, archive, { ...input, target: target.handle });
  const steps = new Map<string, number>();
  const turn = await measure(async () => {
    const env = { USAGE_FILE: usageFile };
    const { child, ended } = startDecamp([...args, "--json"], { preload: usageModule, env });
    let before = performance.now();
    createInterface({ input: child.stdout! }).on("line", (line) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as documented
      const { type, id, state } = JSON.parse(line) as { type: string; id?: string; state?: string };
      if (type === "step" && id !== undefined && state !== "start") {
        const now = performance.now();
        steps.set(id, (now - before) / 1000);
        before = now;
      }
    });
    return ended;
  });
  return { ...turn, steps };
};

/** One turn: an identity of its own, an archive of its own, a server of its own. Only the work is measured. */
async function takeTurn(name: string, archive: string, home: string, work: Work): Promise<Turn> {
  const folder = path.join(directory, name);
  await mkdir(folder);
  const target = await startServer(`${name}-server`);
  try {
    const [signingKey, rotationKey] = [await makeKey(), await makeKey()];
    const { archive: root, manifest } = await openSnapshot(archive);
    const { did, copy } = await copyWithOwnIdentity(root, manifest, folder, {
      plcUrl: plc.url,
      rotationKey: asTestKey(rotationKey.pair),
      signingKey: asTestKey(signingKey.pair),
      home,
    });
    const { manifest: copied } = await openSnapshot(copy);
    const input: BareRestore = {
      plcUrl: plc.url,
      target: target.handle.url,
      did,
      signingKey: signingKey.hex,
      rotationKey: rotationKey.hex,
      account: accountAt(target),
      car: snapshotFile(copy, copied.snapshot, "repo"),
      blobs: copied.blobs.map(({ cid, mimeType }) => ({ path: blobFile(copy, cid), mimeType })),
      preferences,
    };
    // What was written before is not to be written to the disk now.
    execFileSync("sync");
    const turn = await work({ folder, archive: copy, input, target });
    await requireThere(target, input.account, copied);
    return turn;
  } finally {
    await target.kill();
    await rm(folder, { recursive: true });
    await rm(target.handle.dataDirectory, { recursive: true });
  }
}

/** Neither was fast by leaving something out. */
async function requireThere(target: RunningPds, account: BareRestore["account"], manifest: Manifest): Promise<void> {
  const { url } = target.handle;
  const { accessJwt: token } = await login(target.handle, account.handle, account.password);
  const status = await checkAccountStatus({ url, token });
  const found = [status.activated, status.repoCommit, status.indexedRecords, status.importedBlobs];
  const expected = [true, manifest.commit, records, blobs];
  if (found.join(" ") !== expected.join(" ")) {
    throw new Error(`there is ${found.join(" ")}, and not ${expected.join(" ")}`);
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

/** The version of a package that is installed. */
function versionOf(name: string): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what every package has
  return (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;
}

let failed = false;
try {
  const home = await startServer("home");
  const account = await makeAccount(home);
  const archive = await exportFrom(account);
  await home.kill();
  const turns: Record<"bare" | "decamp", Turn[]> = { bare: [], decamp: [] };
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, work] of Object.entries({ bare, decamp })) {
      const turn = await takeTurn(`${name}-${round}`, archive, account.pds.url, work);
      turns[name as keyof typeof turns].push(turn);
      const steps = [...turn.steps].filter(([, seconds]) => seconds >= 0.1);
      const told = steps.map(([id, seconds]) => `${id} ${seconds.toFixed(1)}`).join(", ");
      console.log(`${name} ${turn.wall.toFixed(2)} s, CPU ${turn.cpu.toFixed(2)} s${told === "" ? "" : `: ${told}`}`);
    }
  }
  const row = (what: string, all: readonly Turn[]): string[] => [
    what,
    median(all.map(({ wall }) => wall)).toFixed(1),
    all.map(({ wall }) => wall.toFixed(1)).join(", "),
    median(all.map(({ cpu }) => cpu)).toFixed(1),
    Math.max(...all.map(({ megabytes }) => megabytes)).toFixed(0),
  ];
  const rows = [
    row("a bare script: nothing is proved or read back", turns.bare),
    row("`decamp restore`: all is proved, and every blob read back and hashed", turns.decamp),
  ];
  const table = markdown(["what", "seconds, median", "every run", "CPU s, median", "peak MB"], rows);
  const ids = [...(turns.decamp[0]?.steps.keys() ?? [])];
  const times = ids.map((id) => ({ id, time: median(turns.decamp.map(({ steps }) => steps.get(id) ?? 0)) }));
  const long = times.filter(({ time }) => time >= 0.05).map(({ id, time }) => [`\`${id}\``, time.toFixed(1)]);
  const stepTable = markdown(["step of decamp", "seconds, median"], long);
  const [ours, theirs] = [turns.decamp, turns.bare].map((all) => median(all.map(({ wall }) => wall)));
  const ratio = (ours ?? Number.NaN) / (theirs ?? Number.NaN);
  failed = !(ratio <= wanted);
  console.log(`${table}\n${ratio.toFixed(2)} times the time; wanted: at most ${wanted}`);
  if (records === whole.records && blobs === whole.blobs && rounds >= whole.rounds) {
    const page = new URL("../../docs/BENCHMARKS-RESTORE.md", import.meta.url);
    const text = `# A restore, measured

Written by \`npm run bench-restore\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node}, @atproto/pds ${versionOf("@atproto/pds")}.

An account with ${records} records and ${blobs} blobs of ${blobSize / 1000} kB was exported from a real server, which was killed
then. Of the archive, ${rounds} times in turns, a copy with an identity of its own comes back, first by a bare script and then
by decamp, each time to a new server in a process of its own on the same machine. Both are measured from before their
process is started until it is gone. The bare script makes the account with a token that the account's signing key signs,
imports the CAR file as it is, uploads the blobs, 16 at once, and once more what the server answers with 500, writes the
preferences, changes the identity, and activates the account. decamp does not have that key: it puts a temporary one into
the identity first, keeps it encrypted, proves the archive, and reads the repository and every blob back. After each run
the server says how much it has.

${table}

decamp takes **${ratio.toFixed(2)} times** as long (wanted: at most ${wanted}).

Most of \`preflight\` is the patience with the old server, which answers no more; the archive is proved meanwhile. Most of
\`temporary-key\` is scrypt, once to encrypt the key and once to read it back.

${stepTable}
`;
    await writeFile(page, text);
    await run("prettier", ["--write", "--log-level", "warn", fileURLToPath(page)]);
  }
} finally {
  await Promise.all([plc.stop(), mail.stop()]);
  await rm(directory, { recursive: true, force: true });
  await rm(cache, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
