/** Which snapshots stay: the rules of `restic forget`, as its documentation has them. */
import { describe, expect, test } from "vitest";
import { applyRules, parseSpan, type KeepRules } from "../../src/archive/keep-rules.ts";

const now = Date.parse("2019-12-01T00:00:00Z");

/** Which of these times stay, and why. */
function kept(times: readonly string[], rules: KeepRules): Record<string, string> {
  const dated = times.map((time) => ({ name: time, time: Date.parse(time.padEnd(16, "T12:00").concat("Z")) }));
  return Object.fromEntries([...applyRules(dated, rules, now)].map(([name, why]) => [name, why.join(", ")]));
}
const names = (times: readonly string[], rules: KeepRules): string[] => Object.keys(kept(times, rules)).sort();

/** The example of that documentation: every Sunday for 12 weeks. */
const sundays = ["09-01", "09-08", "09-15", "09-22", "09-29", "10-06", "10-13", "10-20", "10-27"]
  .concat("11-03", "11-10", "11-17")
  .map((day) => `2019-${day}T11:00`);

describe("periods", () => {
  test("only days count that have a snapshot", () => {
    expect(names(sundays, { daily: 4 })).toEqual(sundays.slice(-4));
    expect(names(sundays, { weekly: 4 })).toEqual(sundays.slice(-4));
  });

  test("the last one of each day, in UTC", () => {
    const times = ["2019-03-01T00:00", "2019-03-01T23:59", "2019-03-02T00:00", "2019-03-02T08:00", "2019-03-03T08:00"];
    expect(kept(times, { daily: 2 })).toEqual({ "2019-03-03T08:00": "newest, daily", "2019-03-02T08:00": "daily" });
    expect(names(times, { daily: 3 })).toEqual(["2019-03-01T23:59", "2019-03-02T08:00", "2019-03-03T08:00"]);
  });

  test("weeks begin on Monday, also over a new year", () => {
    const times = ["2018-12-30", "2018-12-31", "2019-01-01", "2019-01-06", "2019-01-07"];
    expect(names(times, { weekly: 2 })).toEqual(["2019-01-06", "2019-01-07"]);
    expect(names(times, { weekly: 3 })).toEqual(["2018-12-30", "2019-01-06", "2019-01-07"]);
  });

  test("months and years are those of the calendar", () => {
    const times = ["2017-12-31", "2018-01-31", "2018-02-28", "2018-03-01", "2019-03-01", "2019-03-31"];
    expect(names(times, { monthly: 3 })).toEqual(["2018-02-28", "2018-03-01", "2019-03-31"]);
    expect(names(times, { yearly: 2 })).toEqual(["2018-03-01", "2019-03-31"]);
  });

  test("if there are fewer periods than the rule has, the oldest stays, too", () => {
    const times = ["2019-03-01T08:00", "2019-03-01T09:00", "2019-03-01T10:00"];
    expect(kept(times, { daily: 2 })).toEqual({
      "2019-03-01T10:00": "newest, daily",
      "2019-03-01T08:00": "oldest daily",
    });
    expect(names(times, { daily: 1 })).toEqual(["2019-03-01T10:00"]);
  });

  test("a daily backup of a hundred years, as the documentation counts it", () => {
    const days = Array.from({ length: 36_525 }, (_, index) =>
      new Date(now - (36_525 - index) * 86_400_000).toISOString().slice(0, 10),
    );
    // 2019-11-30, a Saturday, is the last day. A week's last day so far is today, and then the Sundays.
    const left = names(days, { daily: 7, weekly: 5, monthly: 12, yearly: 75 });
    const sunday = ["2019-11-03", "2019-11-10", "2019-11-17", "2019-11-24"];
    const daily = ["24", "25", "26", "27", "28", "29", "30"].map((day) => `2019-11-${day}`);
    const months = ["2018-12-31", "2019-01-31", "2019-02-28", "2019-03-31", "2019-04-30", "2019-05-31"].concat([
      "2019-06-30",
      "2019-07-31",
      "2019-08-31",
      "2019-09-30",
      "2019-10-31",
    ]);
    const years = Array.from({ length: 74 }, (_, index) => `${1945 + index}-12-31`);
    expect(left).toEqual([...new Set([...years, ...months, ...sunday, ...daily])].sort());
  });
});

test("a snapshot stays if one rule keeps it, with all reasons", () => {
  const times = ["2019-01-31", "2019-10-31", "2019-11-29", "2019-11-30"];
  expect(kept(times, { last: 2, daily: 1, monthly: 2, within: parseSpan("1d")! })).toEqual({
    "2019-11-30": "newest, last, daily, monthly, within 1d",
    "2019-11-29": "last",
    "2019-10-31": "monthly",
  });
});

test("a span is counted from the newest one, by the calendar", () => {
  const times = ["2018-11-30", "2019-05-30", "2019-05-31", "2019-11-29T11:00", "2019-11-29T13:00", "2019-11-30"];
  expect(names(times, { within: parseSpan("1d")! })).toEqual(["2019-11-29T13:00", "2019-11-30"]);
  expect(names(times, { within: parseSpan("6m")! })).toEqual(times.slice(2));
  expect(names(times, { within: parseSpan("1y1h")! })).toEqual(times);
});

test("a snapshot of the future stays, and counts as none", () => {
  const times = ["2019-11-28", "2019-11-29", "2019-11-30", "2031-01-01"];
  expect(kept(times, { daily: 2 })).toEqual({
    "2031-01-01": "newest, in the future",
    "2019-11-30": "daily",
    "2019-11-29": "daily",
  });
});

test("a snapshot stays of which nobody can say when it was made", () => {
  const dated = [Number.NaN, now - 2, now - 1].map((time, index) => ({ name: `${index}`, time }));
  expect([...applyRules(dated, { daily: 1 }, now).keys()].sort()).toEqual(["0", "2"]);
});

test("the newest one by its name stays, whatever its clock says", () => {
  const [one, two] = ["a", "b"].map((name, index) => ({ name, time: Date.parse(`2019-0${3 - index}-01T00:00Z`) }));
  expect([...applyRules([one!, two!], { monthly: 1 }, now).keys()].sort()).toEqual(["a", "b"]);
});

test.each(["", "30", "d", "0d", "1w", "1d1y", "-1d", "1.5d", "30 d", "99999999999d"])("%j is no span", (text) => {
  expect(parseSpan(text)).toBeUndefined();
});
