/**
 * What servers still take, as the `ratelimit-*` headers of their answers say: each route of a server apart. With it a
 * limit is seen before it is hit.
 */

import { budgets } from "../../data/budgets.ts";

/** The headers of an answer, by their names in small letters. */
export type AnswerHeaders = Readonly<Record<string, string | undefined>>;

/** The state of one limit. Times are by our clock, in epoch milliseconds. */
export interface Allowance {
  /** Requests that are still taken before `resetAt`. */
  readonly remaining: number;
  readonly resetAt: number;
  /** How many are taken in a window, and how long that is (milliseconds), if the server says so. */
  readonly limit?: number;
  readonly window?: number;
}

/** Two answers speak of the same window when their ends are this close (milliseconds). */
const sameWindow = 5000;
/**
 * So many routes are known at once: a store of blobs has one for each. Whatever is known longest is forgotten first.
 */
const mostRoutes = 1000;

/** What servers still take, as their answers said. */
export class Allowances {
  readonly #routes = new Map<string, Allowance>();
  /** Origins that want to be left alone, and until when. */
  readonly #holds = new Map<string, number>();

  /** What is known of the route of `url`; undefined when nothing is, or the window is over. */
  of(url: URL, now: number): Allowance | undefined {
    const known = this.#routes.get(routeOf(url));
    return known === undefined || known.resetAt <= now ? undefined : known;
  }

  /**
   * Nothing is sent to the server of `url` for so long (milliseconds): it has answered somebody that it is too much.
   */
  hold(url: URL, milliseconds: number, now: number): void {
    this.#holds.set(url.origin, Math.max(this.#holds.get(url.origin) ?? 0, now + milliseconds));
  }

  /**
   * Counts a request that is about to be sent. Returns how long it has to wait (milliseconds); then it is not counted.
   */
  take(url: URL, now: number): number {
    const held = (this.#holds.get(url.origin) ?? 0) - now;
    if (held > 0) {
      return held;
    }
    const known = this.of(url, now);
    if (known === undefined) {
      return 0;
    }
    if (known.remaining <= 0) {
      return known.resetAt - now;
    }
    this.#routes.set(routeOf(url), { ...known, remaining: known.remaining - 1 });
    return 0;
  }

  #know(route: string, allowance: Allowance): void {
    const [oldest] = this.#routes.keys();
    if (oldest !== undefined && this.#routes.size >= mostRoutes && !this.#routes.has(route)) {
      this.#routes.delete(oldest);
    }
    this.#routes.set(route, allowance);
  }

  /** Takes note of an answer. */
  observe(url: URL, headers: AnswerHeaders, now: number): void {
    const remaining = Number(headers["ratelimit-remaining"]);
    const wait = untilReset(headers, now);
    if (headers["ratelimit-remaining"] === undefined || !Number.isFinite(remaining) || wait === undefined) {
      return;
    }
    const resetAt = now + wait;
    const known = this.of(url, now);
    // Requests that are under way are counted here already, and perhaps not there.
    const same = known !== undefined && Math.abs(known.resetAt - resetAt) < sameWindow;
    const limit = Number(headers["ratelimit-limit"]);
    const seconds = Number(/;\s*w=(\d+)/.exec(headers["ratelimit-policy"] ?? "")?.[1]);
    this.#know(routeOf(url), {
      remaining: same ? Math.min(known.remaining, remaining) : remaining,
      resetAt,
      ...(Number.isFinite(limit) ? { limit } : {}),
      ...(Number.isNaN(seconds) ? {} : { window: Math.min(seconds * 1000, budgets.believedWait.most) }),
    });
  }
}

/** Milliseconds until a server wants to be asked again after it has answered 429 or 503, if it says so. */
export function announcedWait(headers: AnswerHeaders, now: number): number | undefined {
  const retryAfter = headers["retry-after"];
  if (retryAfter !== undefined) {
    const seconds = retryAfter.trim() === "" ? Number.NaN : Number(retryAfter);
    return believed(Number.isNaN(seconds) ? Date.parse(retryAfter) - serverTime(headers, now) : seconds * 1000);
  }
  return headers["ratelimit-remaining"] === "0" ? untilReset(headers, now) : undefined;
}

/** `ratelimit-reset` is a time in most servers, and a number of seconds in others. */
function untilReset(headers: AnswerHeaders, now: number): number | undefined {
  const reset = Number(headers["ratelimit-reset"] ?? Number.NaN);
  return believed(reset < 1e9 ? reset * 1000 : reset * 1000 - serverTime(headers, now));
}

/** A wait as it is reckoned with, whatever a server says; undefined for what is no number. */
function believed(milliseconds: number): number | undefined {
  return Number.isNaN(milliseconds) ? undefined : Math.min(Math.max(0, milliseconds), budgets.believedWait.most);
}

/** The server's own clock, by which its times are meant. */
function serverTime(headers: AnswerHeaders, now: number): number {
  const date = Date.parse(headers["date"] ?? "");
  return Number.isNaN(date) ? now : date;
}

/** The directory has the DID in its paths: that is one route. */
function routeOf(url: URL): string {
  return `${url.origin}${url.pathname.replace(/^\/did:[^/]+/, "/DID")}`;
}
