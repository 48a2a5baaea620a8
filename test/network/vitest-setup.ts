/** One bed for all network tests: `connectNetwork(inject("network"))` in a test. */
import type { TestProject } from "vitest/node";
import type { NetworkHandle } from "./control.ts";
import { startNetwork } from "./index.ts";

declare module "vitest" {
  interface ProvidedContext {
    network: NetworkHandle;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const network = await startNetwork({ a: { recorded: true }, b: { recorded: true } });
  project.provide("network", network.handle);
  return async () => network.stop();
}
