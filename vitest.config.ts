import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Most tests wait for a server or a process: one worker fewer than there are cores, the default, leaves a core idle.
    maxWorkers: Math.max(2, availableParallelism()),
    reporters: ["default", "./test/tools/count-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/{data,repo,identity,plc,services,account,archive,migration,cli,house}/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "network",
          include: ["test/{network,e2e,faults}/**/*.test.ts"],
          globalSetup: ["test/network/vitest-setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
