/** What a run over many accounts keeps of itself while it goes on, and leaves behind, however it ends. */
import type { Outcome } from "../../archive/export/export-many.ts";
import { archiveName } from "../../archive/layout.ts";
import { leastRenewedAt, RunNotes } from "../../archive/state/last-run.ts";
import { newestOf } from "../../archive/state/survey.ts";
import { joinPath } from "../../services/disk/files.ts";
import { writeMetrics } from "../../services/disk/output/metrics-file.ts";
import type { GlobalFlags } from "../globals.ts";
import { failureFacts } from "../talk/failure.ts";
import type { Terminal } from "../talk/terminal.ts";
import { warnOfRun } from "./many-lines.ts";
import type { RunFacts } from "./many-summary.ts";
import { classesOf, count, failuresByCode, type Absent, type Tally } from "./many-tally.ts";
import { nightMetrics } from "./night-metrics.ts";

interface Plan {
  readonly folder: string;
  readonly flags: { readonly metricsFile?: string };
  readonly services: { readonly now: () => number; readonly requestsSent: () => number };
  readonly globals: GlobalFlags;
  readonly terminal: Terminal;
  /** For all accounts of a server. */
  readonly night: Parameters<typeof RunNotes.begin>[0] | undefined;
}

/** The figures of a run that are no account's. */
type Figures = Pick<RunFacts, "startedAt" | "endedAt" | "requests" | "renewedAt">;

export class Books {
  readonly #plan: Plan;
  readonly #tally: Tally;
  readonly #startedAt: number;
  /** Only of a run over all accounts: of another, nobody could say which accounts it did not see. */
  readonly #notes: RunNotes | undefined;

  private constructor(plan: Plan, tally: Tally, startedAt: number, notes: RunNotes | undefined) {
    this.#plan = plan;
    this.#tally = tally;
    this.#startedAt = startedAt;
    this.#notes = notes;
  }

  /** To be called with the lock of the night held. @throws DecampError `storage` */
  static async open(plan: Plan, tally: Tally): Promise<Books> {
    const now = plan.services.now();
    return new Books(plan, tally, now, plan.night === undefined ? undefined : await RunNotes.begin(plan.night, now));
  }

  /**
   * Enters what became of an account.
   *
   * @returns the handle in its archive, if it has failed and has one
   */
  async enter(outcome: Outcome, absent: Absent | undefined, isUnasked: boolean): Promise<string | undefined> {
    const { did } = outcome;
    const isBehind = absent === undefined && "error" in outcome;
    const newest =
      isBehind && did !== undefined ? await newestOf(joinPath(this.#plan.folder, archiveName(did))) : undefined;
    count(this.#tally, outcome, { absent, isUnasked, newest });
    if (did !== undefined && isBehind) {
      this.#notes?.fallBehind(did, newest?.createdAt);
    } else if (did !== undefined) {
      this.#notes?.well(did);
    }
    return newest?.handle;
  }

  /**
   * Writes down how the run ended. What cannot be written is warned of, and fails nothing.
   *
   * @param isWhole whether it went through the list to its end
   */
  async close(exitCode: number, isWhole: boolean): Promise<Figures> {
    const { services, flags, globals, terminal } = this.#plan;
    const endedAt = services.now();
    const requests = services.requestsSent();
    const accounts = classesOf(this.#tally);
    const failures = failuresByCode(this.#tally);
    const { receivedBytes } = this.#tally;
    const end = { exitCode, isWhole, accounts, failures, requests, receivedBytes };
    const noted = await this.#notes?.end(end, endedAt);
    if (noted?.error !== undefined) {
      warnOfRun({ code: "run-not-noted", message: failureFacts(noted.error).message }, globals, terminal);
    }
    if (noted !== undefined && flags.metricsFile !== undefined) {
      await writeMetrics(flags.metricsFile, nightMetrics(noted.run, this.#tally)).catch((error: unknown) =>
        warnOfRun({ code: "metrics-not-written", message: failureFacts(error).message }, globals, terminal),
      );
    }
    const renewedAt = noted === undefined ? undefined : leastRenewedAt(noted.run);
    return { startedAt: this.#startedAt, endedAt, requests, renewedAt };
  }
}
