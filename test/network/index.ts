/**
 * The real network on loopback: the reference PLC directory, two reference PDSes and a mail sink, in this process.
 * Used by the tests, by `npm run demo` and, by hand, through `npm run network`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { connectNetwork, startControl, type Network, type NetworkHandle } from "./control.ts";
import { startMailSink, type Mail } from "./mail.ts";
import { requireNode } from "./require-node.ts";
import type { PdsHandle, PdsOptions, RunningPds } from "./pds.ts";

export interface NetworkOptions {
  a?: Omit<PdsOptions, "name">;
  b?: Omit<PdsOptions, "name">;
  /** where the servers keep their data; default a temporary folder, which `stop` removes */
  directory?: string;
}

export interface RunningNetwork extends Network {
  /** what another process needs for `connectNetwork` */
  handle: NetworkHandle;
  /** called with every mail from now on */
  onMail(listener: (mail: Mail) => void): void;
  /** stops every server and removes the temporary folder */
  stop(): Promise<void>;
}

/**
 * Starts the directory, the mail sink and the servers `a` (handles `.a.test`) and `b` (`.b.test`). About 2 s, mostly
 * loading.
 */
export async function startNetwork(options: NetworkOptions = {}): Promise<RunningNetwork> {
  requireNode();
  // Only now: on an older Node the servers' SQLite ends the process without a word.
  const [{ startPlc }, { startPds }] = await Promise.all([import("./plc.ts"), import("./pds.ts")]);
  const directory = options.directory ?? (await mkdtemp(path.join(tmpdir(), "decamp-network-")));
  const [plc, mail] = await Promise.all([startPlc(), startMailSink()]);
  const servers = new Map<string, RunningPds>();
  const addPds = async (one: PdsOptions): Promise<PdsHandle> => {
    if (servers.has(one.name)) {
      throw new Error(`there is a server named ${one.name} already`);
    }
    const pds = await startPds(one, { directory, plcUrl: plc.url, smtpUrl: mail.smtpUrl });
    servers.set(one.name, pds);
    return pds.handle;
  };
  const named = (name: string): RunningPds => {
    const pds = servers.get(name);
    if (pds === undefined) {
      throw new Error(`there is no server named ${name}`);
    }
    return pds;
  };
  const control = await startControl({
    waitForMail: mail.waitForMail,
    recording: (name) => {
      const { recording } = named(name);
      if (recording === undefined) {
        throw new Error(`${name} was not started with { recorded: true }`);
      }
      return recording;
    },
    addPds,
    stopPds: async (name) => named(name).stop(),
    startPds: async (name) => named(name).start(),
    killPds: async (name) => named(name).kill(),
  });
  const a = await addPds({ ...options.a, name: "a" });
  const b = await addPds({ ...options.b, name: "b" });
  const handle: NetworkHandle = { plcUrl: plc.url, controlUrl: control.url, a, b };
  return {
    ...connectNetwork(handle),
    handle,
    onMail: mail.onMail,
    async stop() {
      await Promise.all([control.stop(), ...[...servers.values()].map(async (pds) => pds.stop())]);
      await Promise.all([plc.stop(), mail.stop()]);
      if (options.directory === undefined) {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}
