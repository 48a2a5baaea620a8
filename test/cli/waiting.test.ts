/** A server's wish to be left alone: said with what is waited for, and until when. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tellWait } from "../../src/cli/talk/reporters/waiting.ts";
import { openTerminal } from "../../src/cli/talk/terminal.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";
import { faultsOfDocument } from "../json/hold.ts";
import { auditLog, operation, signed, testDid, testKey } from "../tools/plc.ts";
import { documentOf } from "./support/directory.ts";
import { run } from "./support/run.ts";
import { captured } from "./support/streams.ts";

const folder = mkdtempSync(join(tmpdir(), "decamp-waiting-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("--json: a line of the type pending before the result", async () => {
  const key = await testKey("owner");
  const genesis = await signed(operation(null, { rotationKeys: [key.did] }), key);
  const did = testDid(genesis);
  await using directory = await scriptedServer(({ url }, response, count) => {
    if (count === 1) {
      // A little more than what is not worth a word.
      response.writeHead(429, { "retry-after": "2.1" }).end();
    } else {
      sendJson(response, 200, url === `/${did}/log/audit` ? auditLog([genesis]) : documentOf(did, genesis));
    }
  });
  const before = Date.now();
  const flags = ["--plc-url", directory.origin, "--allow-private-hosts", "--state-dir", folder, "--json"];
  const { exitCode, stdout } = await run(["plc", "audit", did, ...flags]);
  const [pending, result, ...more] = stdout.trim().split("\n");
  const { until, ...rest } = JSON.parse(pending ?? "") as { until: string };
  const { host } = new URL(directory.origin);
  expect(rest).toEqual({
    type: "pending",
    version: 1,
    host,
    reason: "rate-limit",
    message: `${host} takes no more requests for now. It is asked again at ${until}.`,
  });
  expect(Date.parse(until)).toBeGreaterThanOrEqual(before + 2100);
  expect({ exitCode, result: JSON.parse(result ?? "") as unknown, more }).toMatchObject({
    exitCode: 0,
    result: { command: "plc audit", ok: true },
    more: [],
  });
});

test.each([
  ["rate-limit", "pds.example takes no more requests for now."],
  ["busy", "pds.example cannot answer now, and says when it can."],
] as const)("%s, to people and to scripts", async (reason, why) => {
  const { parts, stdout, stderr } = captured();
  const terminal = await openTerminal(parts, { noColor: false });
  const wait = { host: "pds.example", milliseconds: 75_000, reason };
  const now = new Date(2026, 10, 29, 9, 5, 7).getTime();
  tellWait(terminal, { json: false, quiet: true }, wait, now);
  expect([stdout(), stderr()]).toEqual(["", ""]);
  tellWait(terminal, { json: false, quiet: false }, wait, now);
  expect([stdout(), stderr()]).toEqual(["", `${why} Waiting 1 min 15 s, until 09:06:22 …\n`]);
  tellWait(terminal, { json: true, quiet: true }, wait, now);
  const document: unknown = JSON.parse(stdout());
  expect(document).toMatchObject({ reason, until: new Date(now + 75_000).toISOString() });
  expect(faultsOfDocument(document)).toEqual([]);
});
