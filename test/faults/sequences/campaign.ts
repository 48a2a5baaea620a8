/** Many sequences, on several stages at once, and what came of them. */
import type { WhereState } from "../../../src/account/where.ts";
import type { Network } from "../../network/control.ts";
import { describeAction, type Action, type Sequence } from "./actions.ts";
import { generate } from "./generate.ts";
import { play, type Outcome, type PlayOptions, type Visits } from "./play.ts";
import { openStage } from "./stage.ts";
import { states } from "./states.ts";

export interface CampaignOptions extends PlayOptions {
  /** the first seed */
  seed: number;
  count: number;
  /** no sequence is begun after this time, in epoch milliseconds */
  until?: number;
  /** how many are played at once, each on servers of its own */
  lanes: number;
  /** of the servers; three to seven letters and digits, free in the network */
  name: string;
  /** called when a sequence has ended */
  onOutcome?: (outcome: Outcome) => void;
}

export interface CampaignResult {
  outcomes: Outcome[];
  visits: Visits;
  done: Map<Action["do"], number>;
}

/** Plays the sequences of seeds that follow each other. */
export async function campaign(network: Network, options: CampaignOptions): Promise<CampaignResult> {
  const { seed, count, until = Infinity, lanes, name, onOutcome } = options;
  const seeds = Array.from({ length: count }, (_, index) => seed + index).values();
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: Math.min(lanes, count) }, async (_, lane) => {
      await using stage = await openStage(network, `${name}${lane}`);
      for (const next of seeds) {
        if (Date.now() >= until) {
          break;
        }
        const outcome = await play(stage, generate(next), options);
        outcomes.push(outcome);
        onOutcome?.(outcome);
      }
    }),
  );
  return {
    outcomes,
    visits: {
      truly: sum(outcomes.map(({ visits }) => visits.truly)),
      said: sum(outcomes.map(({ visits }) => visits.said)),
    },
    done: sum(outcomes.map(({ done }) => done)),
  };
}

function sum<K>(maps: readonly ReadonlyMap<K, number>[]): Map<K, number> {
  const total = new Map<K, number>();
  for (const [key, count] of maps.flatMap((map) => [...map])) {
    total.set(key, (total.get(key) ?? 0) + count);
  }
  return total;
}

/** States that `migrate status` never named. */
export function neverVisited({ visits }: CampaignResult): WhereState[] {
  return states.filter((state) => !visits.said.has(state));
}

/** How often each state was there, and what was done. */
export function visitLines({ outcomes, visits, done }: CampaignResult): string[] {
  const actions = [...done].sort((x, y) => y[1] - x[1]).map(([what, count]) => `${count} ${what}`);
  return [
    `${outcomes.length} sequences: ${actions.join(", ")}`,
    `${"state".padEnd(20)}${"in truth".padStart(10)}${"in status".padStart(11)}`,
    ...states.map(
      (state) =>
        `${state.padEnd(20)}${String(visits.truly.get(state) ?? 0).padStart(10)}${String(visits.said.get(state) ?? 0).padStart(11)}`,
    ),
  ];
}

/** A violation with everything that led to it, and how to see it again. */
export function failureText({ sequence, story, violations }: Outcome): string {
  return [
    `seed ${sequence.seed}${sequence.ownKey ? ", with a key of the user's own" : ""}: ${violations.map(({ invariant }) => invariant).join("; ")}`,
    ...violations.map(({ invariant, what }) => `  ${invariant}: ${what}`),
    "the actions:",
    ...sequence.actions.map((action, index) => `  ${index + 1}. ${describeAction(action)}`),
    "what happened:",
    ...story.map((line) => `  ${line}`),
    `again: npm run sequences -- --seed ${sequence.seed} --count 1, or --replay '${JSON.stringify(sequence)}'`,
  ].join("\n");
}

/** The fewest actions, in the same order, with which `fails` still holds. */
export async function shorten(sequence: Sequence, fails: (shorter: Sequence) => Promise<boolean>): Promise<Sequence> {
  let shortest = sequence;
  for (let index = sequence.actions.length - 1; index >= 0; index -= 1) {
    const shorter = { ...shortest, actions: shortest.actions.toSpliced(index, 1) };
    if (await fails(shorter)) {
      shortest = shorter;
    }
  }
  return shortest;
}
