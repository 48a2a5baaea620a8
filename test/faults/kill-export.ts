/**
 * Exports that are killed at random moments, and gone on with by the same command: a first export, and one that brings
 * what is new and keeps it compressed. After every death nothing wrong lies in the archive; in the end it is that of a
 * run which nothing has interrupted.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { NetworkHandle } from "../network/control.ts";
import { png } from "../network/pictures.ts";
import { applyWrites, createFilled, uploadBlob } from "../network/populate.ts";
import { seededRandom, type Random } from "../network/random.ts";
import { runDecamp, startDecamp } from "../network/run-decamp.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { contentOf, wrongIn } from "./stored-archive.ts";

/** Every answer of the server comes so much later, so that there is something to interrupt (milliseconds). */
const latency = 10;
/** So often a run is killed before one may end. */
const deathsInARow = 4;

export interface Killed {
  /** runs that were killed before their end */
  deaths: number;
  /** what was not as it has to be */
  flaws: string[];
}

/** Kills so many exports. The same seed gives the same moments, as shares of the time that an export takes. */
export async function killExports(network: NetworkHandle, times: number, seed: number): Promise<Killed> {
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-kill-"));
  const proxy = await startProxy({ targetPort: network.a.port });
  try {
    const random = seededRandom(seed);
    const account = await createFilled(network.a, `killed-${seed}`, { records: 60, blobs: 8, seed });
    const bed: Bed = { proxy, plcUrl: network.plcUrl, did: account.did, random };
    const first = await undisturbed(bed, path.join(folder, "first"));
    const half = await killGroups(bed, first, undefined, Math.ceil(times / 2), folder);
    for (const text of ["one", "two", "three"]) {
      const image = await uploadBlob(account, png(random));
      const value = { $type: "app.example.picture", text, image };
      await applyWrites(account, [{ collection: "app.example.picture", rkey: text, value }]);
    }
    const base = path.join(folder, "base");
    await cp(first.archive, base, { recursive: true });
    const compressing = { ...bed, compress: ["--compress", "zstd"] };
    const second = await undisturbed(compressing, first.archive);
    const rest = await killGroups(compressing, second, base, times - half.deaths, folder);
    return { deaths: half.deaths + rest.deaths, flaws: [...half.flaws, ...rest.flaws] };
  } finally {
    await proxy.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Bed {
  proxy: Proxy;
  plcUrl: string;
  did: string;
  random: Random;
  /** more flags */
  compress?: readonly string[];
}

interface Whole {
  archive: string;
  content: Record<string, string>;
  /** from the first request to the end (milliseconds) */
  duration: number;
}

function argsFor({ proxy, plcUrl, did, compress = [] }: Bed, archive: string): string[] {
  const where = ["--from", proxy.url, "--plc-url", plcUrl, "--allow-private-hosts", "--state-dir", `${archive}-state`];
  return ["export", did, "-o", archive, ...where, ...compress, "--concurrency", "2", "--no-input"];
}

/** Resolves when the next request comes. */
async function nextRequest({ proxy }: Bed): Promise<void> {
  await new Promise<void>((resolve) => {
    proxy.behave();
    proxy.when({}, async (exchange) => {
      resolve();
      await delay(latency);
      await exchange.pass();
    });
  });
}

async function undisturbed(bed: Bed, archive: string): Promise<Whole> {
  const begun = nextRequest(bed).then(() => performance.now());
  const { code, stderr } = await runDecamp(argsFor(bed, archive));
  if (code !== 0) {
    throw new Error(`an export that nothing disturbs ended with ${code}: ${stderr}`);
  }
  return { archive, content: await contentOf(archive), duration: performance.now() - (await begun) };
}

/** Kills `times` runs, a few in a row on one archive, which begins as a copy of `base`. */
async function killGroups(
  bed: Bed,
  whole: Whole,
  base: string | undefined,
  times: number,
  folder: string,
): Promise<Killed> {
  const killed: Killed = { deaths: 0, flaws: [] };
  for (let round = 1; killed.deaths < times && round <= times * 2; round += 1) {
    const archive = path.join(folder, "killed");
    if (base !== undefined) {
      await cp(base, archive, { recursive: true });
    }
    for (let turn = 0; turn < deathsInARow && killed.deaths < times; turn += 1) {
      const moment = bed.random() * whole.duration;
      const begun = nextRequest(bed);
      const run = startDecamp(argsFor(bed, archive));
      await Promise.race([begun, run.ended]);
      await Promise.race([delay(moment), run.ended]);
      run.child.kill("SIGKILL");
      const { signal, code, stderr } = await run.ended;
      if (signal !== "SIGKILL") {
        // It was faster than the one that was measured.
        killed.flaws.push(...(code === 0 ? [] : [`a run that was not killed ended with ${code}: ${stderr}`]));
        break;
      }
      killed.deaths += 1;
      const wrong = await wrongIn(archive);
      killed.flaws.push(...wrong.map((what) => `killed after ${Math.round(moment)} ms: ${what}`));
    }
    killed.flaws.push(...(await flawsOf(bed, archive, whole)));
    await rm(archive, { recursive: true, force: true });
    await rm(`${archive}-state`, { recursive: true, force: true });
  }
  return killed;
}

/** Lets the export go on to its end, and compares. */
async function flawsOf(bed: Bed, archive: string, whole: Whole): Promise<string[]> {
  const { code, stderr } = await runDecamp(argsFor(bed, archive));
  if (code !== 0) {
    return [`the run that goes on ended with ${code}: ${stderr}`];
  }
  const content = await contentOf(archive);
  const { code: proved, stdout } = await runDecamp(["verify", archive]);
  return [
    ...(proved === 0 ? [] : [`what came of it does not verify: ${stdout}`]),
    ...[...new Set([...Object.keys(content), ...Object.keys(whole.content)])]
      .filter((name) => !isDeepStrictEqual(content[name], whole.content[name]))
      .map(
        (name) => `${name} is ${name in content ? (name in whole.content ? "another one" : "too much") : "missing"}`,
      ),
  ];
}
