/** Starts `fleet-server.ts` in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FleetAddresses } from "./fleet-server.ts";

export interface FleetServer extends FleetAddresses {
  /** tells it something, see there */
  control<T>(what: string): Promise<T>;
  stop(): Promise<void>;
}

/**
 * @param blobs of each account
 * @param latency every answer comes so much later (milliseconds)
 * @param page so many accounts stand on a page of the list, at the most
 */
export async function startFleet(
  count: number,
  blobs: number,
  latency: number,
  page: number = 1000,
): Promise<FleetServer> {
  const script = fileURLToPath(new URL("fleet-server.ts", import.meta.url));
  const command = ["--max-old-space-size=8000", script, ...[count, blobs, latency, page].map(String)];
  const child = spawn(process.execPath, command, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const [first] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  const addresses = JSON.parse(first) as FleetAddresses;
  return {
    ...addresses,
    control: async <T>(what: string) => (await (await fetch(`${addresses.server}/fleet/${what}`)).json()) as T,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
