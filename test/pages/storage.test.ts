/**
 * docs/STORAGE.md is followed, with a server of many accounts: rclone where it is installed, and restic, which takes
 * its time for each password, in `npm run storage`.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startFleet, type FleetServer } from "../bench/start-fleet.ts";
import { filesIn, wrongIn } from "../faults/stored-archive.ts";
import { pathOf, root, startMachine, type Ended, type Machine } from "./scripting/machine.ts";
import { fileOf, readBlocks, type Block } from "./scripting/page.ts";

const isLong = process.env["DECAMP_STORAGE"] === "long";
const accounts = isLong ? 200 : 12;
const blocks = readBlocks(readFileSync(path.join(root, "docs/STORAGE.md"), "utf8"));
const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const programs = ["restic", "rclone"];
/** Why a program is left out, for the name of its test. */
const why = new Map(programs.filter((one) => !has(one)).map((one) => [one, `${one} is not installed`]));
if (!isLong && !why.has("restic")) {
  why.set("restic", "npm run storage has it");
}
const left = (program: string): string => (why.has(program) ? ` (skipped: ${why.get(program)})` : "");

let server: FleetServer;
let machine: Machine;
const ran = new Set<Block>();

beforeAll(async () => {
  server = await startFleet(accounts, 2, 0);
  machine = startMachine({ "https://pds.example.com": server.server }, { DECAMP_CONFIG: "/dev/null" });
  // What is said of the network is the test's, and not the page's.
  machine.put(
    "/usr/local/bin/decamp",
    `#!/bin/sh
case "$1" in export) set -- "$@" --allow-private-hosts --plc-url ${server.directory} ;; esac
exec node ${path.join(root, "bin/decamp.js")} "$@"
`,
    0o755,
  );
  machine.put("/etc/decamp/restic.password", "a password of the test\n", 0o600);
});
afterAll(async () => {
  machine[Symbol.dispose]();
  await server.stop();
});

function fill(text: string): string {
  return ["/srv/again", "/srv/restic"].reduce(
    (found, place) => found.replaceAll(place, machine.at(place)),
    machine.fill(text),
  );
}

async function run(script: string): Promise<Ended> {
  // Commands are typed one by one, until one fails. A script knows what it does then.
  return machine.run("sh", script.endsWith(".sh") && script.includes("block-") ? ["-e", script] : [script], {
    env: {
      PATH: pathOf(machine),
      HOME: machine.at("/home"),
      RCLONE_CONFIG: machine.at("/home/rclone.conf"),
      RCLONE_CONFIG_STORE_TYPE: "alias",
      RCLONE_CONFIG_STORE_REMOTE: machine.at("/srv/store"),
    },
  });
}

/** The blocks below a heading. Those that are files are put where they say; the others are run, and succeed. */
async function follow(heading: string): Promise<void> {
  const own = blocks.filter((block) => block.heading === heading);
  expect(own.length).toBeGreaterThan(0);
  for (const block of own) {
    const name = fileOf(block);
    if (name === undefined) {
      const { code, stderr } = await run(machine.put(`block-${block.line}.sh`, fill(block.text)));
      expect({ line: block.line, code, stderr: code === 0 ? "" : stderr }).toEqual({
        line: block.line,
        code: 0,
        stderr: "",
      });
    } else {
      machine.put(name, fill(block.text), 0o755);
      if (name.endsWith("copy.sh")) {
        await night();
      }
    }
    ran.add(block);
  }
}

async function night(): Promise<void> {
  const { code, stdout, stderr } = await run(machine.at("/etc/decamp/night.sh"));
  expect({ code, stdout, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
}

/** Bytes of all files in a folder. */
async function sizeOf(place: string): Promise<number> {
  const folder = machine.at(place);
  return (await filesIn(folder)).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}

/** The archives in a folder are all there, and good. */
async function expectAll(folder: string): Promise<void> {
  const names = readdirSync(folder).filter((name) => name.startsWith("did-"));
  expect(names).toHaveLength(accounts);
  for (const name of names) {
    expect(await wrongIn(path.join(folder, name))).toEqual([]);
  }
  expect((await filesIn(folder)).filter((name) => /(?:^|\/)lock|\.lock|\.part$/.test(name))).toEqual([]);
}

test("what is for both programs lies there", async () => {
  await follow("When");
  // As a run leaves it that was killed.
  for (const name of ["night.lock.0123456789abcdef", "blob.part"]) {
    writeFileSync(machine.at(`/srv/backup/${name}`), "no use in a copy");
  }
});

test.skipIf(why.has("restic"))(
  `restic: what is new is stored once, what is stored can be read, and what comes back is whole${left("restic")}`,
  async () => {
    const sizes: number[] = [];
    const init = blocks.find(({ text }) => text.includes("restic init"))!;
    expect(await run(machine.put("init.sh", fill(init.text)))).toMatchObject({ code: 0 });
    machine.put("/etc/decamp/copy.sh", fill(blocks.find(({ text }) => text.includes("restic backup"))!.text), 0o755);
    for (const changed of [0, accounts / 100, 0]) {
      await server.control(`change?count=${changed}`);
      await night();
      sizes.push(await sizeOf("/srv/restic"));
    }
    const [first = 0, second = 0, third = 0] = sizes;
    expect(second - first).toBeLessThan(first * 0.03);
    expect(third - second).toBeLessThan(first * 0.01);
    rmSync(machine.at("/srv/restic"), { recursive: true });
    await follow("restic");
    await expectAll(path.join(machine.at("/srv/again"), machine.at("/srv/backup")));
    rmSync(machine.at("/srv/again"), { recursive: true });
  },
  300_000,
);

test.skipIf(why.has("rclone"))(
  `rclone: what comes back is whole, and what is damaged here takes no place of what is good${left("rclone")}`,
  async () => {
    await follow("rclone");
    await expectAll(machine.at("/srv/again"));
    await expectAll(machine.at("/srv/store/decamp"));

    // The next night: something is new, an archive begins to be compressed, and the export says how the night went.
    await server.control(`change?count=1`);
    const nightly = machine.at("/etc/decamp/night.sh");
    const plain = readFileSync(nightly, "utf8");
    writeFileSync(nightly, plain.replace("decamp export", "decamp export --compress zstd"));
    await night();
    writeFileSync(nightly, plain);
    for (const name of (await filesIn(machine.at("/srv/backup"))).filter((one) => one.endsWith(".json"))) {
      const [here, there] = ["/srv/backup", "/srv/store/decamp"].map((place) => path.join(machine.at(place), name));
      expect(readFileSync(there!, "utf8"), name).toBe(readFileSync(here!, "utf8"));
    }

    const blob = (await filesIn(machine.at("/srv/backup"))).find((name) => name.includes("/blobs/")) ?? "";
    const [here, there] = ["/srv/backup", "/srv/store/decamp"].map((place) => path.join(machine.at(place), blob));
    const good = readFileSync(here!);
    // In its size, as a disk does it.
    writeFileSync(here!, Buffer.from([good[0]! ^ 0xff, ...good.subarray(1)]));
    const damaged = await run(machine.at("/etc/decamp/copy.sh"));
    expect(damaged.code).not.toBe(0);
    expect(damaged.stderr).toContain(path.basename(blob));
    expect(readFileSync(there!).equals(good)).toBe(true);
    writeFileSync(here!, good);
    expect(await run(machine.at("/etc/decamp/copy.sh"))).toMatchObject({ code: 0 });

    // A copy that breaks off after the first step has no manifest that names what is not there.
    await server.control(`change?count=2`);
    rmSync(machine.at("/srv/store"), { recursive: true });
    const [first = ""] = readFileSync(machine.at("/etc/decamp/copy.sh"), "utf8").split(" || exit");
    expect(await run(machine.put("/etc/decamp/half.sh", first))).toMatchObject({ code: 0 });
    expect((await filesIn(machine.at("/srv/store"))).filter((name) => name.endsWith("manifest.json"))).toEqual([]);

    await follow("After a loss");
    // What was newer at the server is there.
    const snapshots = readdirSync(machine.at("/srv/again")).filter(
      (name) => name.startsWith("did-") && readdirSync(machine.at(`/srv/again/${name}/snapshots`)).length > 1,
    );
    expect(snapshots.length).toBeGreaterThanOrEqual(2);
  },
  300_000,
);

test("blocks on the page = blocks run", () => {
  const others = new Set([...why.keys(), ...(why.has("rclone") ? ["After a loss"] : [])]);
  const missed = blocks.filter((block) => !ran.has(block) && !others.has(block.heading));
  expect(missed.map(({ line }) => line)).toEqual([]);
  expect(programs.filter((program) => !blocks.some(({ heading }) => heading === program))).toEqual([]);
  expect(blocks.length).toBeGreaterThan(8);
});
