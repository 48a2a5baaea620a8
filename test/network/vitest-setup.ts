/** One bed for all network tests: `connectNetwork(inject("network"))` in a test. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import type { NetworkHandle } from "./control.ts";
import { startNetwork } from "./index.ts";

declare module "vitest" {
  interface ProvidedContext {
    network: NetworkHandle;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Whatever a test leaves behind when it fails lies in here. The workers and the commands that they run inherit it.
  const folder = await mkdtemp(path.join(tmpdir(), "decamp-tests-"));
  process.env["TMPDIR"] = folder;
  const network = await startNetwork();
  project.provide("network", network.handle);
  return async () => {
    await network.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
