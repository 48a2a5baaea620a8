/**
 * Every request of a move in turn meets every fault. The run has to end moved, or stopped before the point of no return
 * with the old account as it was; and the same command, without the fault, has to end moved.
 */
import { expect, inject, test } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { seededRandom } from "../network/random.ts";
import { runDecamp } from "../network/run-decamp.ts";
import {
  changedJson,
  cut,
  drip,
  drop,
  endlessPages,
  flip,
  late,
  loseAnswer,
  otherBytes,
  rateLimited,
  refuse,
  silence,
  status,
  truncate,
  webPage,
} from "./faults.ts";
import { describeEnd, isLong, onlyCases, openLane, type Lane, type Side } from "./lane.ts";
import type { Fault, Proxy } from "./proxy.ts";

const network = connectNetwork(inject("network"));
const preload = new URL("hurry.ts", import.meta.url);

/** Every fault, and for which requests it is one. */
const faults: Record<string, { make: () => Fault; kinds?: RegExp }> = {
  drop: { make: drop },
  "lost answer": { make: loseAnswer },
  late: { make: () => late(700) },
  silence: { make: silence },
  cut: { make: () => cut() },
  truncate: { make: () => truncate() },
  "flipped bit": { make: () => flip() },
  drip: { make: () => drip(4096, 20) },
  "429": { make: () => rateLimited(1) },
  "500": { make: () => refuse(500, "InternalServerError") },
  "502": { make: () => status(502, { "content-type": "text/html" }, "<h1>Bad Gateway</h1>") },
  "503": { make: () => status(503, { "retry-after": "1" }) },
  "web page": { make: webPage },
  "empty object": { make: () => changedJson(() => ({})), kinds: /^(?!.*(getRepo|getBlob)$)/ },
  "endless pages": { make: endlessPages, kinds: /list\w*Blobs$/ },
  "another blob": { make: () => otherBytes(Buffer.from("another blob")), kinds: /getBlob$/ },
};

interface Case {
  side: Side;
  kind: string;
  nth: number;
  fault: string;
}

/** The requests of a whole move without a fault. */
async function record(lane: Lane): Promise<Omit<Case, "fault">[]> {
  const { move, flaws } = await lane.newSubject();
  const sides = Object.entries(lane.proxies) as [Side, Proxy][];
  const watched = sides.map(([side, proxy]) => ({ side, rule: proxy.when({}, async (exchange) => exchange.pass()) }));
  const ended = await runDecamp(move.args, { preload });
  for (const [, proxy] of sides) {
    proxy.behave();
  }
  expect([describeEnd(ended), await flaws()]).toEqual(["exit 0", []]);
  await move.remove();
  const counts = new Map<string, number>();
  return watched.flatMap(({ side, rule }) =>
    rule.hits.map(({ kind }) => {
      const nth = (counts.get(side + kind) ?? 0) + 1;
      counts.set(side + kind, nth);
      return { side, kind, nth };
    }),
  );
}

/** @returns what went wrong, if anything did */
async function tryCase(lane: Lane, { side, kind, nth, fault }: Case): Promise<string[]> {
  const { move, changes, flaws } = await lane.newSubject();
  const { make } = faults[fault] ?? { make: drop };
  const rule = lane.proxies[side].when({ kind, nth, times: 1 }, make());
  const first = await runDecamp(move.args, { preload });
  lane.proxies[side].behave();
  const problems: string[] = [];
  if (rule.hits.length !== 1) {
    problems.push("the request did not come");
  }
  if (first.code !== 0) {
    if (![3, 4, 5, 6, 8, 9].includes(first.code ?? 1)) {
      problems.push("no clean stop");
    }
    problems.push(...(await changes()));
    const second = await runDecamp(move.args, { preload });
    if (second.code !== 0) {
      problems.push(`then ${describeEnd(second)}`);
    }
  }
  problems.push(...(await flaws().catch((error: unknown) => [String(error)])));
  await move.remove();
  return problems.length === 0 ? [] : [describeEnd(first), ...problems];
}

/** A few of the cases: the same for the same seed. */
function draw(cases: readonly Case[], count: number, seed: number): Case[] {
  const random = seededRandom(seed);
  const rest = [...cases];
  return Array.from({ length: count }, () => rest.splice(Math.floor(random() * rest.length), 1)).flat();
}

test("a move survives any fault in any request, or stops before it does harm", { timeout: 7_200_000 }, async () => {
  const lanes = await Promise.all(["every1", "every2"].map(async (name) => openLane(network, name)));
  const requests = await record(lanes[0] as Lane);
  const all = requests.flatMap((request) =>
    Object.entries(faults)
      .filter(([, { kinds }]) => kinds?.test(request.kind) ?? true)
      .map(([fault]) => ({ ...request, fault })),
  );
  const chosen = isLong ? all.filter((one) => onlyCases.test(nameOf(one))) : draw(all, 8, 1);
  const queue = chosen.values();
  const failed: string[] = [];
  let done = 0;
  await Promise.all(
    lanes.map(async (lane) => {
      for (const one of queue) {
        const problems = await tryCase(lane, one);
        done += 1;
        if (problems.length > 0) {
          failed.push([nameOf(one), ...problems].join("\n  "));
        }
        if (isLong) {
          console.log(`${done}/${chosen.length} ${problems.length === 0 ? "ok" : "FAILED"} ${nameOf(one)}`);
          problems.forEach((problem) => console.log(`    ${problem}`));
        }
      }
    }),
  );
  expect(failed).toEqual([]);
  await Promise.all(lanes.map(async (lane) => lane[Symbol.asyncDispose]()));
});

function nameOf({ side, kind, nth, fault }: Case): string {
  return `${side} ${kind} ${nth}: ${fault}`;
}
