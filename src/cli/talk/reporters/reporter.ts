/** What listens to a migration or an export. */
import type { ExportEvent } from "../../../archive/events.ts";
import type { MigrationEvent, MigrationPlan } from "../../../migration/events.ts";
import type { Complete } from "../../next-command.ts";
import type { Line } from "../line.ts";

export interface Reporter {
  readonly report: (event: MigrationEvent | ExportEvent) => void;
  /** Leaves the line, because something is going to be asked. */
  readonly suspend: () => void;
  /** The answer is there: goes on. */
  readonly resume: () => void;
  /** Nothing more comes. Stops timers and leaves the line. */
  readonly close: () => void;
}

export interface ReporterOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** The change of the identity is shown together with the question for it, so not here. */
  readonly identityIsAsked: boolean;
  /** Makes a command that is named complete. */
  readonly complete?: Complete | undefined;
  /** What else is said of the plan. */
  readonly afterPlan?: ((plan: MigrationPlan) => readonly Line[]) | undefined;
  /** The command shows the plan itself, as its result. */
  readonly planIsTheResult: boolean;
}
