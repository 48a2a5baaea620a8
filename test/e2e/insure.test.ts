/** What `decamp insure` prints, run as it stands against real servers: by cron's shell, and as systemd starts it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, inject, test } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { cronCommands, startedWords } from "../network/read-units.ts";
import { runDecamp } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const folder = await mkdtemp(path.join(tmpdir(), "decamp-insured-"));
afterAll(async () => rm(folder, { recursive: true }));

interface Printed {
  units: { name: string; content: string }[];
}

async function ended([program = "", ...words]: readonly string[], env: NodeJS.ProcessEnv): Promise<[number, string]> {
  const child = spawn(program, words, { cwd: "/", env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code] = (await once(child, "close")) as [number];
  return [code, said];
}

test("the jobs run as they are printed, remember that they ended well, and ping", async () => {
  const account = await createFilled(network.a, "insured", { records: 20, blobs: 2, seed: 5 });
  const password = path.join(folder, "pass word");
  await writeFile(password, `${account.password}\n`, { mode: 0o600 });
  const [state, archive] = [path.join(folder, "100% state"), path.join(folder, "my $archive")];
  const print = async (system: string): Promise<Printed> => {
    const pinged = path.join(folder, `pinged-${system}`);
    const { code, stdout, stderr } = await runDecamp([
      "insure",
      account.did,
      "-o",
      archive,
      "--for",
      system,
      "--password-file",
      password,
      "--json",
      "--ping-command",
      `touch '${pinged}'`,
      "--plc-url",
      network.plcUrl,
      "--allow-private-hosts",
      "--state-dir",
      state,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout) as Printed;
  };
  const short = account.did.replaceAll(":", "-");
  const bare = { PATH: "/usr/bin:/bin", HOME: folder };

  const [crontab] = (await print("cron")).units;
  const [exporting = [], watching = [], checking = []] = cronCommands(crontab?.content ?? "");
  expect(await ended(exporting, bare)).toEqual([0, ""]);
  expect(existsSync(path.join(folder, "pinged-cron"))).toBe(true);
  expect(readdirSync(path.join(archive, "snapshots")).length).toBe(1);
  expect(await ended(watching, bare)).toEqual([0, ""]);
  expect(readdirSync(path.join(state, "insured")).toSorted()).toEqual([`export-${short}`, `watch-${short}`]);
  // The account has no key of its own, and could not come back: that is what the check is for, and it has looked.
  const [code, said] = await ended(checking, bare);
  expect(code).toBe(6);
  expect(said).toContain("rotation key");
  expect(existsSync(path.join(state, "insured", `check-${short}`))).toBe(true);

  const { units } = await print("systemd");
  const service = units.find(({ name }) => name === `decamp-export-${short}.service`)?.content ?? "";
  // What LoadCredential= copies the file to.
  await writeFile(path.join(folder, "password"), `${account.password}\n`, { mode: 0o600 });
  for (const words of startedWords(service, { "%d": folder })) {
    expect(await ended(words, bare)).toEqual([0, ""]);
  }
  expect(existsSync(path.join(folder, "pinged-systemd"))).toBe(true);

  // A ping that fails is said, and fails nothing.
  const again = ["export", account.did, "-o", archive, "--ping-command", "exit 3", "--plc-url", network.plcUrl];
  const third = await runDecamp([...again, "--allow-private-hosts", "--state-dir", state, "--json"]);
  expect(third.code).toBe(0);
  const types = third.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; code?: string });
  expect(types.filter(({ code: about }) => about === "ping-failed").map(({ type }) => type)).toEqual(["warning"]);
  expect(types.at(-1)?.type).toBe("result");
});
