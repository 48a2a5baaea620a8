/** The executable that `npm run executable` makes, on the real servers. It is built if it is not of these sources. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { prepareMove } from "../network/run-decamp.ts";
import { buildExecutable, noExecutable, type Executable } from "../release/executable.ts";
import { hear, type Said } from "../release/prove-command.ts";
import { sbomOf, type Lockfile } from "../release/sbom.ts";
import { bundled } from "../tools/dist.ts";

const network = connectNetwork(inject("network"));
const reason = noExecutable();

describe.skipIf(reason !== undefined)(`the executable${reason === undefined ? "" : ` (left out: ${reason})`}`, () => {
  let folder = "";
  let executable: Executable;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "decamp-executable-"));
    executable = await buildExecutable();
  });
  afterAll(async () => rm(folder, { recursive: true }));
  /** Without anything of this checkout, and without Node.js on the path. */
  const run = async (...args: string[]): Promise<Said> =>
    hear([executable.program, ...args], { PATH: "/usr/bin:/bin" });

  test("it says its version, and proves what it is given", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
    expect(await run("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const invalid = path.resolve("fixtures/repo/invalid/cut-by-one-byte.car");
    expect(await run("verify", invalid)).toMatchObject({ code: 3 });
  });

  test("it exports an account, proves the archive, and plans a move, with all that these load", async () => {
    const account = await createFilled(network.a, "single", { records: 20, blobs: 2, seed: 9 });
    const move = await prepareMove(network, account, network.b, ["--plc-token-command"]);
    const archive = path.join(folder, "archive");
    const password = path.join(move.folder, "old");
    const at = ["--from", network.a.url, "--plc-url", network.plcUrl, "--state-dir", move.stateDir, "--json"];
    const exported = await run(
      "export",
      account.did,
      "-o",
      archive,
      "--password-file",
      password,
      ...at,
      "--allow-private-hosts",
    );
    expect(exported).toMatchObject({ code: 0, stderr: "" });
    const verified = await run("verify", archive, "--json");
    expect(verified).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, did: account.did, records: 20 });
    const planned = await run(...move.args, "--dry-run", "--json");
    expect(planned).toMatchObject({ code: 0, stderr: "" });
    expect(planned.stdout).toMatch(/"type":"plan"/);
    await move.remove();
  });

  test("it does not follow NODE_OPTIONS", async () => {
    const [loaded, script] = [path.join(folder, "loaded"), path.join(folder, "load.cjs")];
    await writeFile(script, `require("node:fs").writeFileSync(${JSON.stringify(loaded)}, "")`);
    // An option that is not known would end Node.js, a debugger says where it listens.
    const env = { PATH: "/usr/bin:/bin", NODE_OPTIONS: `--require ${script} --inspect=0 --no-such-option` };
    expect(await hear([executable.program, "--version"], env)).toMatchObject({ code: 0, stderr: "" });
    await expect(readFile(loaded)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("it says plainly that it has no keychain", async () => {
    const { code, stderr } = await run("key", "generate", "--no-input");
    expect({ code, stderr }).toEqual({
      code: 7,
      stderr: expect.stringContaining("The executable of decamp cannot use the keychain of this machine."),
    });
  });

  test("beside it lie the licences of what is in it, and the list of parts has all of that", async () => {
    const licences = await readFile(executable.licences, "utf8");
    const lock = JSON.parse(await readFile("package-lock.json", "utf8")) as Lockfile;
    const parts = new Set(sbomOf(lock, bundled).components.map((part) => part["bom-ref"]));
    const inside = licences
      .split(`\n${"-".repeat(80)}\n\n`)
      .map((text) => text.split("\n")[0]?.replace(" ", "@") ?? "");
    expect(inside.length).toBeGreaterThan(30);
    expect(inside.filter((one) => !parts.has(one))).toEqual(["decamp", `Node.js@${process.version}`]);
    for (const name of [
      "decamp",
      `Node.js ${process.version}`,
      "@atproto/api",
      "valibot",
      "commander",
      "age-encryption",
    ]) {
      expect(licences).toMatch(new RegExp(`^${name.replaceAll(".", "\\.")}(?: \\d[\\d.]*)?\\n\\n\\S`, "m"));
    }
  });
});
