/**
 * `npm run installed -- [VERSION ...]`: what npm would publish, installed into an empty prefix, does an export, a
 * verify and a move on real servers. With each version of Node.js that is named, by default the oldest of each line
 * that package.json allows. Exit code 1 if anything did not hold.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startNetwork } from "../network/index.ts";
import { nodeOf, oldestOfEach } from "./node-versions.ts";
import { hear, must, proveCommand } from "./prove-command.ts";

const { engines } = JSON.parse(await readFile("package.json", "utf8")) as { engines: { node: string } };
const named = process.argv.slice(2);
const versions = named.length > 0 ? named : oldestOfEach(engines.node);
const folder = await mkdtemp(path.join(tmpdir(), "decamp-installed-"));
const network = await startNetwork();
let ok = true;
try {
  const packed = await must(["npm", "pack", "--silent", "--pack-destination", folder]);
  const tarball = path.join(folder, packed.trim().split("\n").at(-1) ?? "");
  for (const [place, version] of versions.entries()) {
    const node = await nodeOf(version);
    const prefix = path.join(folder, version);
    const env = { PATH: `${path.dirname(node)}:${process.env["PATH"]}` };
    await must(["npm", "install", "--global", "--prefix", prefix, "--no-audit", "--no-fund", tarball], env);
    const bin = path.join(prefix, "bin", "decamp");
    const failed = await proveCommand(network, `installed${place}`, async (args) => hear([bin, ...args], env));
    const runs = (await must(["node", "--version"], env)).trim();
    console.log([`${failed.length === 0 ? "ok    " : "FAILED"} Node.js ${runs}`, ...failed].join("\n  "));
    ok &&= failed.length === 0;
  }
} finally {
  await network.stop();
  await rm(folder, { recursive: true });
}
process.exit(ok ? 0 : 1);
