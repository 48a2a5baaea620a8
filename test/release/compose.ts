/**
 * `npm run compose -- [--base IMAGE]`: deploy/compose with docker compose, on real servers and under another name than
 * its own: the first night, a second `up`, the next night, a stop. Five minutes. Exit code 1 if anything did not hold.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { parse, stringify } from "yaml";
import { startNetwork } from "../network/index.ts";
import { createFilled } from "../network/populate.ts";
import { hear, must } from "./prove-command.ts";

const { values } = parseArgs({ options: { base: { type: "string" } } });
const file = "deploy/compose/compose.yaml";
const accounts = 4;

if ((await hear(["docker", "compose", "version"])).code !== 0 || (await hear(["docker", "info"])).code !== 0) {
  console.error("docker compose does not work here: nothing was tried.");
  process.exit(1);
}
const folder = await mkdtemp(path.join(tmpdir(), "decamp-compose-"));
const network = await startNetwork();
const override = path.join(folder, "override.yaml");
const compose = (...words: string[]): [string, ...string[]] => {
  return ["docker", "compose", "--project-name", "decamp-trial", "--file", file, "--file", override, ...words];
};

/** The servers of this machine in the place of pds.example.com, and a night in four minutes: the build is before it. */
async function writeOverride(): Promise<void> {
  const { services } = parse(await readFile(file, "utf8"), { merge: true }) as {
    services: Record<string, { entrypoint?: string[]; command: string[]; build?: string }>;
  };
  const hour = new Date(Date.now() + 240_000).toISOString().slice(11, 16);
  const changed = Object.entries(services).map(([name, { entrypoint, command, build }]) => [
    name,
    {
      image: "decamp-trial",
      network_mode: "host",
      ...(build === undefined || values.base === undefined ? {} : { build: { args: { BASE: values.base } } }),
      ...(name === "export" ? { entrypoint: entrypoint?.map((word) => word.replace(/^\d\d:\d\d$/, hour)) } : {}),
      command: [
        ...command.map((word) => word.replace("https://pds.example.com", network.a.url)),
        "--plc-url",
        network.plcUrl,
        "--allow-private-hosts",
      ],
    },
  ]);
  await writeFile(override, stringify({ services: Object.fromEntries(changed) as unknown }));
}

interface Status {
  readonly archives?: { readonly complete: number };
  readonly runs?: readonly { readonly exitCode?: number; readonly accounts: Record<string, number> }[];
}

/** What `archive status` says of the volume, once the last night has ended with such accounts. */
async function nightWith(outcome: string, seconds: number): Promise<Status> {
  const words = ["run", "--rm", "-T", "watch", "archive", "status", "/data/archives"];
  for (let left = seconds; ; left -= 5) {
    const { stdout } = await hear(compose(...words, "--state-dir", "/tmp/state", "--json"));
    const status = (stdout.startsWith("{") ? JSON.parse(stdout) : {}) as Status;
    const [run] = status.runs ?? [];
    if (left <= 0 || (run?.exitCode === 0 && run.accounts[outcome] === accounts)) {
      return status;
    }
    await pause(5000);
  }
}

/** How each container stands: its id, and the exit code of one that has ended. */
async function containers(): Promise<Record<string, unknown>> {
  const ids = (await must(compose("ps", "--all", "--quiet"))).trim().split("\n");
  const all = JSON.parse(await must(["docker", "inspect", ...ids])) as {
    Id: string;
    Config: { Labels: Record<string, string> };
    State: { Running: boolean; ExitCode: number };
  }[];
  const standing = all.map(({ Id, Config, State }) => {
    return [Config.Labels["com.docker.compose.service"], State.Running ? Id : State.ExitCode] as const;
  });
  return Object.fromEntries(standing);
}

const failed: string[] = [];
function hold(what: string, seen: unknown, due: unknown): void {
  const isHeld = isDeepStrictEqual(seen, due);
  console.log(`${isHeld ? "ok    " : "FAILED"} ${what}${isHeld ? "" : `: ${JSON.stringify(seen)}`}`);
  failed.push(...(isHeld ? [] : [what]));
}

try {
  for (let index = 0; index < accounts; index += 1) {
    await createFilled(network.a, `composed-${index}`, { records: 20, blobs: 2, seed: index });
  }
  await writeOverride();
  await must(compose("up", "--detach", "--build"));
  const first = await nightWith("exported", 60);
  hold("the first night exports every account", first.archives?.complete, accounts);
  await pause(60_000); // So long docker waits at the most before it starts the watch again.
  const before = await containers();
  hold("three services run", Object.values(before).filter((one) => typeof one === "string").length, 3);
  await must(compose("up", "--detach"));
  hold("a second `up` leaves them alone", await containers(), before);
  const second = await nightWith("unchanged", 300);
  hold("the next night finds nothing new", second.runs?.[0]?.accounts["unchanged"], accounts);
  hold("good nights say nothing", (await must(compose("logs", "--no-log-prefix", "export"))).trim(), "");
  await must(compose("stop"));
  hold("a stop ends them in time, each with its code", await containers(), { export: 0, prune: 0, watch: 130 });
} finally {
  await hear(compose("down", "--volumes", "--rmi", "all"));
  await network.stop();
  await rm(folder, { recursive: true });
}
process.exit(failed.length === 0 ? 0 : 1);
