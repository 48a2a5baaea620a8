/** What work on an identity talks to. A use case gets these, and never makes them. */
import type { Services } from "../services/open.ts";

/** What work on an identity talks to: a part of what `openServices` opens, or one's own. */
export type AccountServices = Pick<
  Services,
  "openPds" | "directory" | "webDocument" | "handles" | "heads" | "now" | "clockOffset" | "sleep"
>;

/** What it takes to read an audit log. */
export type LogServices = Pick<AccountServices, "directory" | "heads" | "now" | "sleep">;
