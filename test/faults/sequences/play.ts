/** Plays a sequence on a new account, and judges after every command. */
import type { WhereState } from "../../../src/account/where.ts";
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { startDecamp, type Ended } from "../../network/run-decamp.ts";
import { seededRandom, pick } from "../../network/random.ts";
import { describeAction, serverNames, type Action, type Interruption, type Sequence } from "./actions.ts";
import { doByHand, keepJournals, NotNow } from "./by-hand.ts";
import { allStatusArgs, commandLine, isDecamp, statusArgs, type CommandLine, type DecampAction } from "./commands.ts";
import {
  claimOf,
  isGrave,
  isSameWorld,
  judge,
  lostPosts,
  resultOf,
  type Command,
  type Violation,
} from "./invariants.ts";
import { isDark, type Model } from "./model.ts";
import { openSubject, type Stage, type Subject } from "./stage.ts";
import { states, statesOfHome, statesThatFit } from "./states.ts";
import { describeWorld, lookAround, type World } from "./world.ts";

/** Nothing takes so long (milliseconds). */
const deadline = 120_000;
/** What a server was asked for is done, or never, when nothing has changed for so long (milliseconds). */
const stillness = 2000;

const hurry = new URL("../hurry.ts", import.meta.url);

/** What became of a sequence. */
export interface Outcome {
  sequence: Sequence;
  /** a few lines for each action */
  story: string[];
  violations: Violation[];
  visits: Visits;
  /** how many actions of each kind took place */
  done: Map<Action["do"], number>;
}

/** How often each state was there: in truth, and in the words of `migrate status`. */
export interface Visits {
  truly: Map<WhereState, number>;
  said: Map<WhereState, number>;
}

export interface PlayOptions {
  /** `bin/decamp.js` of another build */
  bin?: string | undefined;
  /** one question after each action, not two */
  brief?: boolean;
}

/** Plays to the end, or to the first violation that leaves nothing to be judged. */
export async function play(stage: Stage, sequence: Sequence, options: PlayOptions): Promise<Outcome> {
  const outcome: Outcome = {
    sequence,
    story: [],
    violations: [],
    visits: { truly: new Map(), said: new Map() },
    done: new Map(),
  };
  await using subject = await openSubject(stage, sequence.seed, sequence.ownKey);
  const player = new Player(subject, outcome, options);
  try {
    for (const action of sequence.actions) {
      await player.play(action);
      if (outcome.violations.some(isGrave)) {
        break;
      }
    }
  } finally {
    for (const server of serverNames.filter((name) => !subject.running.has(name))) {
      await stage.network.startPds(stage.servers[server]);
    }
  }
  return outcome;
}

class Player {
  readonly #subject: Subject;
  readonly #outcome: Outcome;
  readonly #options: PlayOptions;
  /** apart from that of the account, so that what is asked for is the same whatever happens */
  readonly #random;

  constructor(subject: Subject, outcome: Outcome, options: PlayOptions) {
    this.#subject = subject;
    this.#outcome = outcome;
    this.#options = options;
    this.#random = seededRandom(outcome.sequence.seed + 1_000_000);
  }

  async play(action: Action): Promise<void> {
    const before = await this.#look();
    if (isDecamp(action)) {
      await this.#runDecamp(action, before);
    } else {
      await this.#byHand(action, before);
    }
    if (!this.#outcome.violations.some(isGrave)) {
      await keepJournals(this.#subject);
      await this.#askStatus(action);
    }
  }

  async #look(): Promise<World> {
    const { stage, did } = this.#subject;
    return lookAround(stage.network.plcUrl, stage.servers, did);
  }

  /** A run that was killed may have asked a server for something that is done only now. */
  async #lookWhenStill(): Promise<World> {
    let world = await this.#look();
    for (let since = Date.now(); Date.now() - since < stillness;) {
      await delay(stillness / 5);
      const now = await this.#look();
      since = isSameWorld(world, now) ? since : Date.now();
      world = now;
    }
    return world;
  }

  async #byHand(action: Exclude<Action, DecampAction>, before: World): Promise<void> {
    try {
      await doByHand(action, this.#subject, before);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#tell(`${describeAction(action)}: ${error instanceof NotNow ? "not now" : "refused"}, ${why}`);
      return;
    }
    this.#count(action);
    // Whoever posts in between does no harm to it.
    this.#subject.model.undoPending &&= action.do === "post" || action.do === "delete";
    const after = await this.#look();
    this.#tell(describeAction(action), `  ${describeWorld(after)}`);
    noteDark(this.#subject.model, after, "hand");
    const lost = lostPosts(this.#subject.model, after);
    if (lost.length > 0) {
      throw new Error(`the sequence itself has lost ${lost.length} posts with: ${describeAction(action)}`);
    }
  }

  async #runDecamp(action: DecampAction, before: World): Promise<void> {
    const subject = this.#subject;
    const { model } = subject;
    const line = await commandLine(action, subject, before);
    if (line === undefined) {
      this.#tell(`${describeAction(action)}: not now`);
      return;
    }
    this.#count(action);
    const interrupt = "interrupt" in action ? action.interrupt : undefined;
    const ended = await this.#run(line, interrupt);
    const { meanwhile } = line;
    if (meanwhile !== undefined && existsSync(meanwhile.mark)) {
      model.posts.set(meanwhile.post.path, meanwhile.post);
    }
    if (action.do === "move") {
      model.pair = { from: line.source ?? model.pair.from, to: action.to };
    }
    const after = await (interrupt === undefined ? this.#look() : this.#lookWhenStill());
    this.#tell(describeAction(action), ...this.#tale(line, ended), `  ${describeWorld(after)}`);
    const { source, target, newKey } = line;
    const command = { ...ended, action, source, target, newKey };
    this.#report(judge(command, before, after, model));
    learn(command, line, after, subject);
  }

  /**
   * Asks after every action: for the last move, and for any other, for all of the account, or for all that are known.
   */
  async #askStatus(action: Action): Promise<void> {
    const { model } = this.#subject;
    const before = await this.#look();
    const { pair } = model;
    const other = { from: pick(this.#random, serverNames), to: pick(this.#random, serverNames) };
    const more = [statusArgs(this.#subject), statusArgs(this.#subject, other), allStatusArgs(this.#subject)];
    const asked = [
      statusArgs(this.#subject, pair),
      ...(this.#options.brief === true ? [] : [pick(this.#random, more)]),
    ];
    const answers = await Promise.all(
      asked.map(async (args) => this.#run({ args, env: {}, source: undefined, target: undefined })),
    );
    const after = await this.#look();
    const { truly } = this.#outcome.visits;
    for (const state of statesThatFit(after, this.#subject.running, pair.from, pair.to).slice(0, 1)) {
      truly.set(state, (truly.get(state) ?? 0) + 1);
    }
    for (const [index, answer] of answers.entries()) {
      const command = { ...answer, action: { do: "status" as const }, source: undefined, target: undefined };
      const violations = [...judge(command, before, after, model), ...this.#judgeStates(answer, after)];
      if (violations.length > 0) {
        this.#tell(`status after ${describeAction(action)}`);
        this.#tell(...this.#tale({ args: asked[index] ?? [], env: {} }, answer));
      }
      this.#report(violations);
    }
  }

  /** Whether what `migrate status` says is so. */
  #judgeStates({ stdout }: Ended, world: World): Violation[] {
    const { said } = this.#outcome.visits;
    return movesOf(stdout).flatMap(({ state, phase, reversible, source, target }) => {
      const [from, to] = [this.#nameOf(source?.url), this.#nameOf(target?.url)];
      const wrong = (what: string): Violation => ({
        invariant: "status",
        what: `status says of ${from ?? "?"} → ${to ?? "?"} ${what}: ${describeWorld(world)}`,
      });
      const violations: Violation[] = [];
      if (to !== undefined && reversible === true && world.lived.has(to)) {
        violations.push(wrong(`that it can be cancelled, and the account has lived at ${to}`));
      }
      if (from !== undefined && from === to && phase === "source-active") {
        violations.push(wrong("that it is still active on the old server"));
      }
      if (state === undefined) {
        return violations;
      }
      if (!isState(state)) {
        return [...violations, wrong(`${state}, which is no state`)];
      }
      said.set(state, (said.get(state) ?? 0) + 1);
      const { running } = this.#subject;
      const fit =
        from === undefined || to === undefined ? statesOfHome(world, running) : statesThatFit(world, running, from, to);
      return fit.includes(state) ? violations : [...violations, wrong(`${state}, and it is ${fit.join(" or ")}`)];
    });
  }

  #nameOf(url: string | undefined): (typeof serverNames)[number] | undefined {
    const { servers } = this.#subject.stage;
    return serverNames.find((name) => servers[name].url === url);
  }

  async #run({ args, env }: CommandLine, interrupt?: Interruption): Promise<Ended & { hung: boolean }> {
    const { running } = this.#subject;
    // A server that does not answer is waited for: not so long.
    const preload = running.size < serverNames.length ? hurry : undefined;
    const { bin } = this.#options;
    const { child, ended } = startDecamp(args, { env, preload, ...(bin === undefined ? {} : { bin }) });
    let hung = false;
    const timers = [
      setTimeout(() => {
        hung = true;
        child.kill("SIGKILL");
      }, deadline),
    ];
    if (interrupt !== undefined) {
      const { at, signal } = interrupt;
      if ("ms" in at) {
        timers.push(setTimeout(() => child.kill(signal), at.ms));
      } else {
        const states = at.when === "start" ? "start" : "done|skipped";
        const awaited = new RegExp(`"type":"step",.*"id":"${at.step}",.*"state":"(${states})"`);
        child.stdout?.on("data", (text: string) => {
          if (awaited.test(text)) {
            child.kill(signal);
          }
        });
      }
    }
    const end = await ended;
    timers.forEach((timer) => clearTimeout(timer));
    return { ...end, hung };
  }

  #tale({ args }: Pick<CommandLine, "args" | "env">, { code, signal, stdout, stderr }: Ended): string[] {
    const last = [...stdout.trim().split("\n").slice(-1), ...stderr.trim().split("\n").slice(-4)];
    return [
      `  $ decamp ${args.map(quoted).join(" ")}`,
      `  exit ${code ?? signal ?? ""}`,
      ...last.filter((line) => line !== "").map((line) => `  | ${line.slice(0, 600)}`),
    ].map((line) => this.#plainly(line));
  }

  /** A and B instead of ports, and the folder in a word. */
  #plainly(text: string): string {
    const { stage, folder, did, label } = this.#subject;
    const names = serverNames.flatMap((name) => [
      [`${label}${stage.servers[name].handleDomain}`, `HANDLE-AT-${name}`] as const,
      [stage.servers[name].url, `http://${name}`] as const,
      [new URL(stage.servers[name].url).host, name] as const,
    ]);
    const all = [...names, [folder, "DIR"] as const, [did, "DID"] as const];
    return all.reduce((said, [from, to]) => said.replaceAll(from, to), text);
  }

  #tell(...lines: string[]): void {
    this.#outcome.story.push(...lines.map((line) => this.#plainly(line)));
  }

  #report(violations: readonly Violation[]): void {
    for (const { invariant, what: said } of violations) {
      const what = this.#plainly(said);
      this.#tell(`  VIOLATION ${invariant}: ${what}`);
      if (!this.#outcome.violations.some((one) => one.what === what)) {
        this.#outcome.violations.push({ invariant, what });
      }
    }
  }

  #count({ do: what }: Action): void {
    const { done } = this.#outcome;
    done.set(what, (done.get(what) ?? 0) + 1);
  }
}

/** What the test knows after a command that it did not know before. */
function learn(command: Command, { newKey }: CommandLine, after: World, { model }: Subject): void {
  const { action, code, stdout, target } = command;
  // An undo that could not finish on the new server has brought it home all the same.
  const undone = action.do === "undo" && resultOf(stdout) !== undefined;
  if (claimOf(command) === "moved" || undone) {
    model.dataHome = after.home ?? model.dataHome;
  }
  if (newKey !== undefined && after.rotationKeys.includes(newKey)) {
    model.userKeys.add(newKey);
  }
  noteDark(model, after, "decamp");
  model.undoPending = action.do === "undo" && code === 8;
  // After a way back, the way there is asked about.
  if (undone) {
    model.pair = { from: after.home ?? model.pair.from, to: target ?? model.pair.to };
  }
}

function noteDark(model: Model, world: World, by: "hand" | "decamp"): void {
  model.darkBy = isDark(world) ? (model.darkBy ?? by) : undefined;
}

interface SaidMove {
  state?: string;
  phase?: string;
  reversible?: boolean;
  source?: { url: string };
  target?: { url: string };
}

/** Every move in what `migrate status` says of an account; or the account itself, where it knows of no move. */
function movesOf(stdout: string): SaidMove[] {
  const result = resultOf(stdout) as (SaidMove & { did?: string; moves?: SaidMove[] }) | undefined;
  if (result?.did === undefined || result.moves === undefined) {
    return [];
  }
  return result.moves.length > 0 ? result.moves : [result];
}

function isState(text: string): text is WhereState {
  return (states as readonly string[]).includes(text);
}

function quoted(text: string): string {
  return /^[\w\-.:/@=]+$/.test(text) ? text : `'${text}'`;
}
