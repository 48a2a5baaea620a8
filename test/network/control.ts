/**
 * The bed as seen from another process. Vitest runs tests in workers and the demo runs decamp as a child, so mails,
 * recordings and the servers' switches are reached over one loopback HTTP server; in the bed's own process too.
 */
import { createServer, type Server } from "node:http";
import type { Recording } from "../faults/proxy.ts";
import type { Mail, MailQuery } from "./mail.ts";
import type { PdsHandle, PdsOptions } from "./pds.ts";
import { listen, stopServer } from "./ports.ts";

/** Everything one has to know to use a bed from anywhere on this machine. Serialisable. */
export interface NetworkHandle {
  plcUrl: string;
  controlUrl: string;
  a: PdsHandle;
  b: PdsHandle;
}

/** What one can ask of a bed. */
export interface Network extends NetworkHandle {
  /** the newest mail that fits, at once or when it arrives; rejects after `timeout` milliseconds (default 30 s) */
  waitForMail(query: MailQuery, timeout?: number): Promise<Mail>;
  /** what came through the proxy of a `recorded` server until now */
  recording(pds: PdsHandle): Promise<Recording>;
  /** one more server beside a and b, with the same directory and mails; it lives as long as the bed */
  addPds(options: PdsOptions): Promise<PdsHandle>;
  /** the server stops listening; its data stays */
  stopPds(pds: PdsHandle): Promise<void>;
  /** the server listens again, at the same URL */
  startPds(pds: PdsHandle): Promise<void>;
  /** a server that runs `apart` dies in the middle of whatever it does */
  killPds(pds: PdsHandle): Promise<void>;
}

/** What the control server calls; the bed implements it. */
export interface Controlled {
  waitForMail(query: MailQuery, signal: AbortSignal): Promise<Mail>;
  recording(name: string): Recording;
  addPds(options: PdsOptions): Promise<PdsHandle>;
  stopPds(name: string): Promise<void>;
  startPds(name: string): Promise<void>;
  killPds(name: string): Promise<void>;
}

/** Serves `bed` on a free port of 127.0.0.1. Every call is `POST /METHOD` with its one argument as JSON. */
export async function startControl(bed: Controlled): Promise<{ url: string; stop(): Promise<void> }> {
  const methods: Record<string, (input: never, signal: AbortSignal) => unknown> = {
    waitForMail: async (input: MailQuery, signal) => bed.waitForMail(input, signal),
    recording: (name: string) => bed.recording(name),
    addPds: async (input: PdsOptions) => bed.addPds(input),
    stopPds: async (name: string) => bed.stopPds(name),
    startPds: async (name: string) => bed.startPds(name),
    killPds: async (name: string) => bed.killPds(name),
  };
  const server: Server = createServer((request, response) => {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const answer = async (): Promise<unknown> => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) {
        chunks.push(chunk as Buffer);
      }
      const method = methods[(request.url ?? "").slice(1)];
      if (method === undefined) {
        throw new Error(`no such method: ${request.url}`);
      }
      const input = JSON.parse(Buffer.concat(chunks).toString("utf8")) as never;
      return (await method(input, gone.signal)) ?? null;
    };
    answer().then(
      (value) => response.end(JSON.stringify(value)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => stopServer(server),
  };
}

/** The bed behind `handle`, from any process of this machine. */
export function connectNetwork(handle: NetworkHandle): Network {
  const call = async <T>(method: string, input: unknown, timeout = 60_000): Promise<T> => {
    const response = await fetch(`${handle.controlUrl}/${method}`, {
      method: "POST",
      body: JSON.stringify(input),
      signal: AbortSignal.timeout(timeout),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(text);
    }
    return JSON.parse(text) as T;
  };
  return {
    ...handle,
    waitForMail: async (query, timeout = 30_000) => {
      try {
        return await call<Mail>("waitForMail", query, timeout);
      } catch (cause) {
        throw new Error(`no mail to ${query.to} about ${JSON.stringify(query.subject ?? "anything")}`, { cause });
      }
    },
    recording: async (pds) => call<Recording>("recording", pds.name),
    addPds: async (options) => call<PdsHandle>("addPds", options),
    stopPds: async (pds) => call<void>("stopPds", pds.name),
    startPds: async (pds) => call<void>("startPds", pds.name),
    killPds: async (pds) => call<void>("killPds", pds.name),
  };
}
