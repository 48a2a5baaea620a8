import { describe, expect, test } from "vitest";
import { Allowances, announcedWait } from "../../src/services/http/allowances.ts";

const now = Date.UTC(2026, 5, 1, 12);
const upload = new URL("https://a.example/xrpc/upload");
const seconds = (milliseconds: number): string => String(Math.floor(milliseconds / 1000));

/** As the reference server answers. */
function headers(remaining: number, resetAt: number, date = now): Record<string, string> {
  return {
    date: new Date(date).toUTCString(),
    "ratelimit-limit": "1000",
    "ratelimit-remaining": String(remaining),
    "ratelimit-reset": seconds(resetAt),
    "ratelimit-policy": "1000;w=86400",
  };
}

describe("what a server still takes", () => {
  test("nobody waits for one that says nothing", () => {
    const allowances = new Allowances();
    allowances.observe(upload, {}, now);
    allowances.observe(upload, { "ratelimit-remaining": "0" }, now);
    expect(allowances.take(upload, now)).toBe(0);
  });

  test("is counted down, and waited for until the window is over", () => {
    const allowances = new Allowances();
    allowances.observe(upload, headers(2, now + 60_000), now);
    expect(allowances.of(upload, now)).toEqual({
      remaining: 2,
      resetAt: now + 60_000,
      limit: 1000,
      window: 86_400_000,
    });
    expect(allowances.take(upload, now)).toBe(0);
    expect(allowances.take(upload, now)).toBe(0);
    expect(allowances.take(upload, now + 1000)).toBe(59_000);
    expect(allowances.take(upload, now + 60_000)).toBe(0);
  });

  test("answers that come out of order do not raise it", () => {
    const allowances = new Allowances();
    allowances.observe(upload, headers(3, now + 60_000), now);
    allowances.take(upload, now);
    allowances.take(upload, now);
    // The answer to the first of them, which the second has not reached yet.
    allowances.observe(upload, headers(2, now + 60_000), now);
    expect(allowances.of(upload, now)?.remaining).toBe(1);
    // A new window is another matter.
    allowances.observe(upload, headers(999, now + 86_400_000), now);
    expect(allowances.of(upload, now)?.remaining).toBe(999);
  });

  test("is a matter of one route of one server", () => {
    const allowances = new Allowances();
    allowances.observe(upload, headers(0, now + 60_000), now);
    expect(allowances.take(upload, now)).toBe(60_000);
    expect(allowances.take(new URL("https://a.example/xrpc/other"), now)).toBe(0);
    expect(allowances.take(new URL("https://b.example/xrpc/upload"), now)).toBe(0);
  });

  test("is one matter for all DIDs of a directory", () => {
    const allowances = new Allowances();
    allowances.observe(new URL("https://plc.example/did:plc:a/log/audit"), headers(0, now + 60_000), now);
    expect(allowances.take(new URL("https://plc.example/did:plc:b/log/audit"), now)).toBe(60_000);
    expect(allowances.take(new URL("https://plc.example/did:plc:a"), now)).toBe(0);
  });

  test("is nothing while the server as a whole wants to be left alone; the longest of its wishes counts", () => {
    const allowances = new Allowances();
    allowances.hold(upload, 5000, now);
    allowances.hold(upload, 1000, now);
    expect(allowances.take(new URL("https://a.example/xrpc/other"), now + 1000)).toBe(4000);
    expect(allowances.take(new URL("https://b.example/xrpc/upload"), now + 1000)).toBe(0);
    expect(allowances.take(upload, now + 5000)).toBe(0);
  });

  test("is told by the server's own clock", () => {
    const allowances = new Allowances();
    const ahead = now + 3_600_000;
    allowances.observe(upload, headers(0, ahead + 60_000, ahead), now);
    expect(allowances.take(upload, now)).toBe(60_000);
  });
});

describe("how long a server wants to be left alone", () => {
  test.each([
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": new Date(now + 9000).toUTCString(), date: new Date(now).toUTCString() }, 9000],
    [{ "retry-after": new Date(now + 9000).toUTCString(), date: new Date(now + 5000).toUTCString() }, 4000],
    [headers(0, now + 30_000), 30_000],
    [{ "ratelimit-remaining": "0", "ratelimit-reset": "12" }, 12_000],
    [headers(0, now - 5000), 0],
    [headers(5, now + 30_000), undefined],
    [{ "retry-after": "soon" }, undefined],
    [{}, undefined],
  ])("%j", (said, wait) => {
    expect(announcedWait(said, now)).toBe(wait);
  });
});
