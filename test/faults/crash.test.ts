/**
 * The process is ended at every point where that could do harm: before and after each request that changes something,
 * and before, in the middle of and after each line of the journal. The same command goes on each time, and in the end
 * everything is as after a move that nothing has interrupted: nothing is missing, and nothing is doubled.
 *
 * One account goes through all of them in turn; Ctrl-C and a lost journal come at some of them only. `npm run faults`
 * takes all, gives each point an account of its own, and does the same at every operation on files.
 */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, inject, test, vi } from "vitest";
import { stepIds } from "../../src/migration/step-ids.ts";
import { connectNetwork } from "../network/control.ts";
import { runDecamp, startDecamp, type Ended } from "../network/run-decamp.ts";
import type { Breakage } from "./break-files.ts";
import { drop, end, meanwhile, refuse, webPage } from "./faults.ts";
import { describeEnd, isLong, onlyCases, openLane, type Lane, type Side, type Subject } from "./lane.ts";

// Each has servers of its own, and two at once keep two cores busy.
vi.setConfig({ testTimeout: 600_000, maxConcurrency: 2 });

const network = connectNetwork(inject("network"));
const breakFiles = new URL("break-files.ts", import.meta.url);
const hurry = new URL("hurry.ts", import.meta.url);

interface Point {
  side: Side;
  kind: string;
  nth?: number;
  moment: "before" | "after";
}

const xrpc = (side: Side, kind: string): Point[] =>
  (["before", "after"] as const).map((moment) => ({ side, kind: `com.atproto.${kind}`, moment }));

/**
 * Every request of a move that changes something, in their order. The account has three blobs, sent one after the
 * other.
 */
const points: Point[] = [
  ...xrpc("source", "server.createSession"),
  ...xrpc("target", "server.createAccount"),
  ...xrpc("target", "repo.importRepo"),
  // The first of three, and then the last of the two that are left.
  ...xrpc("target", "repo.uploadBlob"),
  { side: "target", kind: "com.atproto.repo.uploadBlob", nth: 2, moment: "before" },
  { side: "target", kind: "com.atproto.repo.uploadBlob", nth: 1, moment: "after" },
  { side: "target", kind: "app.bsky.actor.putPreferences", moment: "before" },
  { side: "target", kind: "app.bsky.actor.putPreferences", moment: "after" },
  ...xrpc("source", "identity.requestPlcOperationSignature"),
  ...xrpc("source", "identity.signPlcOperation"),
  ...xrpc("target", "identity.submitPlcOperation"),
  ...xrpc("target", "server.activateAccount"),
  ...xrpc("source", "server.deactivateAccount"),
];

/** The last of them at which the account is still where it was. */
const pointOfNoReturn = points.findIndex(
  ({ kind, moment }) => kind.endsWith("submitPlcOperation") && moment === "before",
);

/** Runs decamp, and sends the signal while the request of `point` is held. */
async function stopAt(lane: Lane, subject: Subject, point: Point, signal: NodeJS.Signals): Promise<Ended> {
  const { side, kind, nth = 1, moment } = point;
  const run = startDecamp([...subject.move.args, "--concurrency", "1"]);
  lane.proxies[side].when(
    { kind, nth, times: 1 },
    end(moment, async () => {
      run.child.kill(signal);
      await run.ended;
    }),
  );
  const ended = await run.ended;
  lane.proxies[side].behave();
  return ended;
}

test.concurrent("SIGKILL before and after every request that changes something", async () => {
  await using lane = await openLane(network, "sigkill");
  const subject = await lane.newSubject({ blobs: 3 });
  for (const [index, point] of points.entries()) {
    const { code, signal } = await stopAt(lane, subject, point, "SIGKILL");
    expect({ ...point, code, signal }).toEqual({ ...point, code: null, signal: "SIGKILL" });
    if (index <= pointOfNoReturn) {
      expect({ ...point, changes: await subject.changes() }).toEqual({ ...point, changes: [] });
    }
  }
  await finish(subject);
});

// SIGKILL is the harder of the two: of the points of Ctrl-C, `npm test` takes one on either side of what can be lost
// there.
const interrupted = /(createAccount|uploadBlob|submitPlcOperation|activateAccount)$/;

test.concurrent("Ctrl-C while a request that changes something is under way", async () => {
  await using lane = await openLane(network, "sigint");
  const subject = await lane.newSubject({ blobs: 3 });
  for (const [index, point] of points.entries()) {
    if (point.moment === "before" && point.nth === undefined && (isLong || interrupted.test(point.kind))) {
      const { code, stderr } = await stopAt(lane, subject, point, "SIGINT");
      expect({ ...point, code }).toEqual({ ...point, code: 130 });
      expect(stderr).toContain(`decamp migrate ${subject.account.handle}`);
      if (index <= pointOfNoReturn) {
        expect({ ...point, changes: await subject.changes() }).toEqual({ ...point, changes: [] });
      }
    }
  }
  await finish(subject);
});

/** The run with nothing in its way, and the proof. */
async function finish({ move, flaws }: Subject): Promise<void> {
  expect(describeEnd(await runDecamp(move.args))).toBe("exit 0");
  expect(await flaws()).toEqual([]);
  await move.remove();
}

async function runBroken({ move }: Subject, breakage: Breakage): Promise<Ended> {
  return runDecamp(move.args, { preload: breakFiles, env: { DECAMP_BREAK: JSON.stringify(breakage) } });
}

test.concurrent("SIGKILL before, in the middle of and after every line of the journal", async () => {
  await using lane = await openLane(network, "journal");
  const subject = await lane.newSubject({ blobs: 3 });
  const killed: string[] = [];
  // Whatever was written stays, so the first line that a run writes is the next one.
  const lines = ["begin", "handle", "signed", "source-compared"];
  for (const line of lines) {
    for (const how of ["before", "torn", "after"] as const) {
      const { code, signal } = await runBroken(subject, { path: ".journal", nth: 1, how });
      killed.push(`${line} ${how} ${signal ?? code ?? ""}`);
    }
  }
  expect(killed).toEqual(lines.flatMap((line) => ["before", "torn", "after"].map((how) => `${line} ${how} SIGKILL`)));
  await finish(subject);
});

// `npm run faults` loses it after every step, and everything that decamp keeps, too.
const losing = new Set(["create-account", "transfer-blobs", "submit-operation", "activate", "deactivate-source"]);

// Steps that have to be asked for, that of a did:web, and those before and behind which nothing can be lost.
const left = new Set([
  "resolve",
  "freeze",
  "recovery-key",
  "publish-document",
  "first-write",
  "prove-there",
  "confirm",
]);

test.concurrent.each([
  ["the journal", "migrations"] as const,
  ...(isLong ? [["everything that decamp keeps", "."] as const] : []),
])("%s is lost after a step", async (what, folder) => {
  await using lane = await openLane(network, `lost${what.length}`);
  const subject = await lane.newSubject({ blobs: 3 });
  const { move } = subject;
  const steps = stepIds.filter((step) => !left.has(step) && (isLong || losing.has(step)));
  for (const step of steps) {
    const ended = await runDecamp([...move.args, "--until", step]);
    // Once the identity names the new server, nobody can see the account until the rest is done.
    expect([step, describeEnd(ended)]).toEqual([step, step === "submit-operation" ? "exit 8" : "exit 0"]);
    await rm(path.join(move.stateDir, folder), { recursive: true, force: true });
    if (step === "deactivate-source") {
      // From now on neither server knows the old handle, and no journal does.
      expect(describeEnd(await runDecamp(move.args))).toMatch(
        /^exit 5 .* leads to no account.* Give the account's DID/,
      );
      move.args[1] = subject.account.did;
    }
  }
  await finish(subject);
});

test.concurrent("a full disk stops the move before it does harm; with room it goes on", async () => {
  await using lane = await openLane(network, "full");
  const subject = await lane.newSubject({ blobs: 3 });
  for (const nth of [1, 2, 4, 8, 16]) {
    const ended = await runBroken(subject, { path: subject.move.stateDir, nth, how: "full" });
    expect([nth, describeEnd(ended)]).toEqual([nth, expect.stringMatching(/^exit 1 Error: .*the disk is full/)]);
    expect([nth, await subject.changes()]).toEqual([nth, []]);
  }
  await finish(subject);
});

test.concurrent(
  "a new server that is killed in the middle of the import has nothing of it, and gets it again",
  async () => {
    await using lane = await openLane(network, "killed", { apart: true });
    const subject = await lane.newSubject({ records: 400, blobs: 2 });
    lane.proxies.target.when(
      { kind: "com.atproto.repo.importRepo", times: 1 },
      end("during", async () => network.killPds(lane.target)),
    );
    const ended = await runDecamp(subject.move.args, { preload: hurry });
    expect(describeEnd(ended)).toMatch(/^exit 5 /);
    await network.startPds(lane.target);
    expect(await subject.changes()).toEqual([]);
    await finish(subject);
  },
);

test.concurrent(
  "an old server that dies after the export is waited for, and nothing is changed meanwhile",
  async () => {
    await using lane = await openLane(network, "died");
    const subject = await lane.newSubject({ blobs: 3 });
    const { source, target } = lane.proxies;
    target.when({ kind: "com.atproto.repo.importRepo", times: 1 }, async (exchange) => {
      source.when({}, drop());
      await exchange.pass();
    });
    for (let run = 1; run <= 2; run += 1) {
      expect(describeEnd(await runDecamp(subject.move.args, { preload: hurry }))).toMatch(/^exit 5 /);
      expect(await subject.changes()).toEqual([]);
    }
    source.behave();
    await finish(subject);
  },
);

test.concurrent("after the change of the identity a server that stumbles does not end the run", async () => {
  await using lane = await openLane(network, "stumble");
  const subject = await lane.newSubject({ blobs: 2 });
  const { source, target, directory } = lane.proxies;
  const rules = [
    target.when({ kind: "com.atproto.server.activateAccount", times: 6 }, refuse(500, "InternalServerError")),
    source.when({ kind: "com.atproto.server.deactivateAccount", times: 2 }, webPage()),
  ];
  target.when({ kind: "com.atproto.identity.submitPlcOperation" }, async (exchange) => {
    rules.push(directory.when({ kind: "DID/log/audit", times: 4 }, webPage()));
    await exchange.pass();
  });
  expect(describeEnd(await runDecamp(subject.move.args, { preload: hurry }))).toBe("exit 0");
  expect(rules.map(({ hits }) => hits.length)).toEqual([6, 2, 4]);
  expect(await subject.flaws()).toEqual([]);
  await subject.move.remove();
});

test.concurrent("--until with a step that was not asked for moves nothing", async () => {
  await using lane = await openLane(network, "until");
  const subject = await lane.newSubject({ blobs: 2 });
  expect(describeEnd(await runDecamp([...subject.move.args, "--until", "freeze"]))).toMatch(
    /^exit 2 Error: The step freeze/,
  );
  expect(await subject.changes()).toEqual([]);
  await subject.move.remove();
});

if (isLong) {
  test.each(points)("SIGKILL and SIGINT alone: $kind $moment", { timeout: 600_000 }, async (point) => {
    await using lane = await openLane(network, `one${points.indexOf(point)}`);
    for (const signal of ["SIGKILL", "SIGINT"] as const) {
      const subject = await lane.newSubject({ blobs: 3 });
      // With none of them sent, the last of the three is the third.
      const nth = point.nth === undefined ? 1 : 3;
      const ended = await stopAt(lane, subject, { ...point, nth }, signal);
      expect(ended.signal ?? ended.code).toBe(signal === "SIGKILL" ? signal : 130);
      await finish(subject);
    }
  });

  test("every operation on files in turn is the last one", { timeout: 7_200_000 }, async () => {
    const lanes = await Promise.all(["files1", "files2"].map(async (name) => openLane(network, name)));
    const [first] = lanes;
    const counted = await (first as Lane).newSubject({ blobs: 2 });
    const log = path.join(counted.move.folder, "operations");
    const whole = { path: counted.move.stateDir, nth: 0, how: "nothing", log } as const;
    expect(describeEnd(await runBroken(counted, whole))).toBe("exit 0");
    const operations = (await readFile(log, "utf8")).trim().split("\n");
    expect(operations.length).toBeGreaterThan(20);
    const cases = operations
      .map((operation, index) => ({ nth: index + 1, name: operation.replace(counted.move.stateDir, "") }))
      .flatMap(({ nth, name }) =>
        (["before", "torn", "full"] as const)
          .filter((how) => how !== "torn" || name.startsWith("write"))
          .map((how) => ({ nth, how, name: `${nth} of ${operations.length} ${how} ${name}` })),
      )
      .filter(({ name }) => onlyCases.test(name));
    await counted.move.remove();
    const failed: string[] = [];
    const queue = cases.values();
    const work = async (lane: Lane): Promise<void> => {
      for (const { nth, how, name } of queue) {
        const subject = await lane.newSubject({ blobs: 2 });
        const ended = describeEnd(await runBroken(subject, { path: subject.move.stateDir, nth, how }));
        const again = describeEnd(await runDecamp(subject.move.args));
        const flaws = await subject.flaws().catch((error: unknown) => [String(error)]);
        console.log(`${name}: ${ended}; then ${again} ${flaws.join("; ")}`);
        if (again !== "exit 0" || flaws.length > 0) {
          failed.push([name, ended, again, ...flaws].join("; "));
        }
        await subject.move.remove();
      }
    };
    await Promise.all(lanes.map(work));
    expect(failed).toEqual([]);
    await Promise.all(lanes.map(async (lane) => lane[Symbol.asyncDispose]()));
  });

  const fills: Point[] = [
    { side: "source", kind: "com.atproto.sync.getRepo", moment: "before" },
    { side: "source", kind: "com.atproto.sync.getBlob", moment: "before" },
    { side: "target", kind: "com.atproto.server.createAccount", moment: "after" },
    { side: "source", kind: "com.atproto.identity.signPlcOperation", moment: "after" },
    { side: "target", kind: "com.atproto.identity.submitPlcOperation", moment: "after" },
  ];
  test.each(fills)("a disk that is full from $kind on", { timeout: 600_000 }, async (point) => {
    const { side, kind, moment } = point;
    await using lane = await openLane(network, `disk${fills.indexOf(point)}`);
    const subject = await lane.newSubject({ records: 200, blobs: 8 });
    const { stateDir } = subject.move;
    const ballast = path.join(stateDir, "ballast");
    await mkdir(stateDir, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=80m,mode=700", "tmpfs", stateDir]);
    try {
      lane.proxies[side].when(
        { kind, nth: 1, times: 1 },
        meanwhile(moment, async () => {
          await expect(writeFile(ballast, Buffer.alloc(100_000_000))).rejects.toMatchObject({ code: "ENOSPC" });
        }),
      );
      expect(describeEnd(await runDecamp(subject.move.args))).toMatch(/^exit 1 Error: .*the disk is full/);
      if (/(sign|submit)PlcOperation$/.test(kind)) {
        // The journal's line fits into the block that it has already, and nothing else is needed from there on.
        expect(await subject.flaws()).toEqual([]);
      } else {
        expect(await subject.changes()).toEqual([]);
        await rm(ballast);
        expect(describeEnd(await runDecamp(subject.move.args))).toBe("exit 0");
        expect(await subject.flaws()).toEqual([]);
      }
    } finally {
      execFileSync("umount", [stateDir]);
    }
    await subject.move.remove();
  });
}
