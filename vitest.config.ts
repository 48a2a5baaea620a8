import { defineConfig } from "vitest/config";

/** Whoever runs the tests may have a configuration of their own. */
const env = { DECAMP_CONFIG: "/dev/null" };

export default defineConfig({
  test: {
    reporters: ["default", "./test/tools/count-reporter.ts"],
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: "unit",
          env,
          include: [
            "test/{data,repo,identity,plc,services,account,archive,migration,cli,house,transcripts}/**/*.test.ts",
          ],
          exclude: ["test/transcripts/network.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "network",
          env,
          include: ["test/{network,e2e,faults,pages}/**/*.test.ts", "test/transcripts/network.test.ts"],
          globalSetup: ["test/network/vitest-setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
