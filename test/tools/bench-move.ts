/**
 * `npm run bench-move [-- BLOBS]`: a whole move beside the sequence of the official guide, between two real servers in
 * processes of their own that are a long way off. Writes docs/BENCHMARKS-MOVE.md, unless another number of blobs is
 * given.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { moveByTheGuide } from "../bench/guide.ts";
import { postPhotos } from "../bench/photos.ts";
import { createAccount, type Account } from "../network/account.ts";
import { connectNetwork, startControl, type NetworkHandle } from "../network/control.ts";
import { startMailSink } from "../network/mail.ts";
import type { PdsHandle } from "../network/pds.ts";
import { startPlc } from "../network/plc.ts";
import { populate } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { prepareMove, runDecamp } from "../network/run-decamp.ts";
import { run } from "./run.ts";

const whole = 1000;
const count = Number(process.argv[2] ?? whole);
const blobSize = 200_000;
const latency = 50;
const wanted = 5;

if ((await run("node", ["test/tools/build.ts"])) !== 0) {
  process.exit(1);
}
const directory = await mkdtemp(path.join(tmpdir(), "decamp-bench-move-"));
const [plc, mail] = await Promise.all([startPlc(), startMailSink()]);
const notHere = (): never => {
  throw new Error("not in this bed");
};
const control = await startControl({
  waitForMail: mail.waitForMail,
  recording: notHere,
  addPds: notHere,
  stopPds: notHere,
  startPds: notHere,
  killPds: notHere,
});
const [old, fresh] = await Promise.all([startServer("a"), startServer("b")]);
const handle: NetworkHandle = { plcUrl: plc.url, controlUrl: control.url, a: old.handle, b: fresh.handle };
const network = connectNetwork(handle);

async function startServer(name: string): Promise<{ handle: PdsHandle; stop: () => Promise<void> }> {
  const script = fileURLToPath(new URL("../bench/slow-server.ts", import.meta.url));
  const args = [script, name, String(latency), directory, plc.url, mail.smtpUrl];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return {
    handle: JSON.parse(line.toString()) as PdsHandle,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** The server without the delay. */
function direct(account: Account): Account {
  return { ...account, pds: { ...account.pds, url: `http://localhost:${account.pds.port}` } };
}

/** An account with so many blobs, four in a post. */
async function fill(name: string, seed: number): Promise<Account> {
  const account = await createAccount(old.handle, {
    handle: `${name}.a.test`,
    email: `${name}@old.example.com`,
    password: "the-old-password",
  });
  const quick = direct(account);
  await populate(quick, { records: 20, blobs: 2, seed });
  await postPhotos(quick, { count: count - 2, size: blobSize, seed });
  return account;
}

async function measure(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

let failed = false;
try {
  const guided = await fill("guided", 1);
  const decamped = await fill("decamped", 2);
  const before = await lookBefore(plc.url, direct(decamped));
  const move = await prepareMove(network, decamped, fresh.handle);
  const ours = await measure(async () => {
    const { code: exit, stderr } = await runDecamp(move.args);
    if (exit !== 0) {
      console.log(stderr);
    }
    failed ||= exit !== 0;
  });
  const moved = { handle: move.newHandle, password: move.newPassword };
  const checks = await proveMove(plc.url, { ...before, account: decamped }, fresh.handle, moved);
  for (const { name, detail } of checks.filter(({ ok }) => !ok)) {
    failed = true;
    console.log(`FAILED ${name}: ${detail}`);
  }
  await move.remove();
  const theirs = await measure(async () =>
    moveByTheGuide(network, guided, fresh.handle, {
      handle: "guided.b.test",
      email: "guided@new.example.com",
      password: "the-new-password",
    }),
  );
  const ratio = theirs / ours;
  failed ||= ratio < wanted;
  const rows = [
    ["the guide's calls, one after another; nothing is checked", theirs.toFixed(1)],
    ["`decamp migrate`: proved, archived, every blob read back and hashed", ours.toFixed(1)],
  ];
  const table = ["| what | seconds |", "| --- | --- |", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
  console.log(`${table}\n${ratio.toFixed(1)} times as fast; wanted: ${wanted}`);
  if (count === whole) {
    const page = new URL("../../docs/BENCHMARKS-MOVE.md", import.meta.url);
    const text = `# A move, measured

Written by \`npm run bench-move\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node}. An account with
${count} blobs of ${blobSize / 1000} kB moves between two real servers on the same machine, each in a process of its own, at the end of a way
on which every answer takes ${latency} milliseconds longer. One run each; the time is that of the whole command.

${table}

decamp is **${ratio.toFixed(1)} times** as fast (wanted: ${wanted}).
`;
    await writeFile(page, text);
    await run("prettier", ["--write", "--log-level", "warn", fileURLToPath(page)]);
  }
} finally {
  await Promise.all([old.stop(), fresh.stop()]);
  await Promise.all([control.stop(), plc.stop(), mail.stop()]);
  await rm(directory, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
