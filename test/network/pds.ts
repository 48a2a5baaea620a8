/** A real PDS in this process: embedded SQLite, blobs on disk, everything in one folder. */
import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as current from "@atproto/pds";
import type { ServerEnvironment } from "@atproto/pds";
import { startProxy, type Proxy, type Recording } from "../faults/proxy.ts";
import { listen, type Listening } from "./listen-pds.ts";
import { freePort } from "./ports.ts";
import { quietTimers } from "./quiet-timers.ts";

quietTimers();

/** How one server differs from the ordinary. Serialisable, so that a test in another process can ask for one. */
export interface PdsOptions {
  /** the server's name in the bed; its handles end in `.NAME.test` */
  name: string;
  /** whether createAccount wants an invite code; default false */
  inviteRequired?: boolean;
  /** rate limits as the public servers have them; default off */
  rateLimits?: boolean;
  /** bytes; default 5 MiB */
  blobUploadLimit?: number;
  /** bytes of a repository that may be imported; default 100 MB */
  maxImportSize?: number;
  /** puts a recording proxy in front, at the server's public URL */
  recorded?: boolean;
  /** the port of its public URL, where the caller puts a proxy of its own */
  publicPort?: number;
  /** the host of its public URL, which is `https://HOST` then; the caller leads that to it */
  publicHost?: string;
  /** runs it in a process of its own, so that it can be killed; takes 2 s to start */
  apart?: boolean;
  /** the environment of its process, and the address of a module that is loaded before it; only `apart` */
  processEnv?: NodeJS.ProcessEnv;
  preload?: string;
  /** the folder in which another version of the server is installed; only `apart` */
  from?: string;
  /** any other setting of the server */
  env?: ServerEnvironment;
}

/** What a test has to know of a server. Serialisable. */
export interface PdsHandle {
  name: string;
  /** where the bed reaches it: `http://localhost:PORT` */
  url: string;
  /** what identities call it; the same, unless it has a `publicHost` */
  publicUrl: string;
  /** where it listens itself: the port of its URL, unless a proxy has that */
  port: number;
  /** its service DID: the audience of service auth tokens */
  did: string;
  /** `.NAME.test`, or that of its `publicHost` */
  handleDomain: string;
  /** HTTP Basic, user `admin` */
  adminPassword: string;
  /** signs the session tokens (HS256) */
  jwtSecret: string;
  /** account.sqlite, sequencer.sqlite, actors/, blobs/ */
  dataDirectory: string;
  recorded: boolean;
}

export interface RunningPds {
  handle: PdsHandle;
  /** what came through the proxy, when the server is `recorded` */
  recording: Recording | undefined;
  /** stops listening; the data stays */
  stop(): Promise<void>;
  /** listens again at the same URL with the same data and keys */
  start(): Promise<void>;
  /** ends the process of a server that runs `apart`, in the middle of whatever it does */
  kill(): Promise<void>;
}

/** Starts a server on free ports of 127.0.0.1 with its data in `directory`/NAME. */
export async function startPds(
  options: PdsOptions,
  bed: { directory: string; plcUrl: string; smtpUrl: string },
): Promise<RunningPds> {
  const { name, recorded = false } = options;
  const dataDirectory = path.join(bed.directory, name);
  await mkdir(dataDirectory, { recursive: true });
  const port = options.publicPort ?? (await freePort());
  // The server compares operations with its public URL. So with a proxy in front, the proxy has the public port.
  const ownPort = recorded || options.publicPort !== undefined ? await freePort() : port;
  const { publicHost } = options;
  const url = `http://localhost:${port}`;
  const handle: PdsHandle = {
    name,
    url,
    publicUrl: publicHost === undefined ? url : `https://${publicHost}`,
    port: ownPort,
    did: `did:web:${publicHost ?? `localhost%3A${port}`}`,
    handleDomain: `.${publicHost ?? `${name}.test`}`,
    adminPassword: randomBytes(16).toString("hex"),
    jwtSecret: randomBytes(16).toString("hex"),
    dataDirectory,
    recorded,
  };
  const env: ServerEnvironment = {
    hostname: publicHost ?? "localhost", // the only name with which the public URL is http and has a port
    port,
    serviceDid: handle.did,
    serviceHandleDomains: [handle.handleDomain],
    devMode: true,
    dataDirectory,
    blobstoreDiskLocation: path.join(dataDirectory, "blobs"),
    didPlcUrl: bed.plcUrl,
    plcRotationKeyK256PrivateKeyHex: randomBytes(32).toString("hex"),
    jwtSecret: handle.jwtSecret,
    adminPassword: handle.adminPassword,
    inviteRequired: options.inviteRequired ?? false,
    emailSmtpUrl: bed.smtpUrl,
    emailFromAddress: `noreply@${name}.example.com`,
    // Nobody answers there, but without these two the server has no preferences.
    bskyAppViewUrl: "http://localhost:1",
    bskyAppViewDid: "did:web:appview.invalid",
    maxImportSize: options.maxImportSize ?? 100_000_000,
    blobUploadLimit: options.blobUploadLimit,
    rateLimitsEnabled: options.rateLimits ?? false,
    ...options.env,
  };
  let proxy: Proxy | undefined;
  if (recorded) {
    proxy = await startProxy({ port, targetPort: ownPort });
  }
  const open = async (settings: ServerEnvironment, at: number): Promise<Listening> =>
    options.apart === true ? listenApart(settings, at, options) : listen(current, settings, at);
  let pds = await open(env, ownPort);
  let running = true;
  return {
    handle,
    recording: proxy?.recording,
    async stop() {
      if (running) {
        running = false;
        await proxy?.stop();
        await pds.destroy();
      }
    },
    async start() {
      if (!running) {
        pds = await open(env, ownPort);
        if (proxy !== undefined) {
          const { recording } = proxy;
          proxy = await startProxy({ port, targetPort: ownPort, recording });
        }
        running = true;
      }
    },
    async kill() {
      running = false;
      await pds.kill();
    },
  };
}

/** Starts a server in a process of its own, which ends with this one. */
async function listenApart(
  env: ServerEnvironment,
  port: number,
  { processEnv, preload, from }: Pick<PdsOptions, "processEnv" | "preload" | "from">,
): Promise<Listening> {
  const script = fileURLToPath(new URL("pds-process.ts", import.meta.url));
  const before = preload === undefined ? [] : ["--import", preload];
  const child = spawn(process.execPath, [...before, script], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...processEnv },
  });
  child.stdin.write(`${JSON.stringify({ env, port, from })}\n`);
  await once(child.stdout, "data");
  const exit = once(child, "exit");
  return {
    async destroy() {
      child.stdin.end();
      await exit;
    },
    async kill() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}
