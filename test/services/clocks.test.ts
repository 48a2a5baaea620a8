import { expect, test } from "vitest";
import { Clocks } from "../../src/services/http/clocks.ts";

const noon = Date.UTC(2026, 5, 1, 12);
const at = (milliseconds: number): string => new Date(milliseconds).toUTCString();

test("a clock that is a minute ahead", () => {
  const clocks = new Clocks();
  clocks.observe("https://a.example", { date: at(noon + 60_000) }, { sentAt: noon, receivedAt: noon + 1000 });
  expect(clocks.offset("https://a.example")).toBe(60_000);
  expect(clocks.offset("https://b.example")).toBeUndefined();
});

test("the quicker answer is believed", () => {
  const clocks = new Clocks();
  const quick = { sentAt: noon + 9900, receivedAt: noon + 10_100 };
  const slow = { sentAt: noon + 20_000, receivedAt: noon + 80_000 };
  clocks.observe("https://a.example", { date: at(noon + 10_000) }, quick);
  clocks.observe("https://a.example", { date: at(noon + 80_000) }, slow);
  expect(clocks.offset("https://a.example")).toBe(500);
});

test.each([-10, 10])("a clock that is set by %d days meanwhile is believed anew, and a slow answer is not", (days) => {
  const clocks = new Clocks();
  const jump = days * 86_400_000;
  clocks.observe("https://a.example", { date: at(noon) }, { sentAt: noon, receivedAt: noon });
  const [sentAt, receivedAt] = [noon + 60_000 + jump, noon + 61_000 + jump];
  clocks.observe("https://a.example", { date: at(noon + 60_000) }, { sentAt, receivedAt });
  expect(clocks.offset("https://a.example")).toBe(-jump);
  clocks.observe("https://a.example", { date: at(noon + 70_000) }, { sentAt, receivedAt: receivedAt + 20_000 });
  expect(clocks.offset("https://a.example")).toBe(-jump);
});

test("an answer from a cache is as old as it says", () => {
  const clocks = new Clocks();
  const times = { sentAt: noon, receivedAt: noon };
  clocks.observe("https://a.example", { date: at(noon - 3_600_000), age: "3600" }, times);
  expect(clocks.offset("https://a.example")).toBe(500);
});

test.each([{}, { date: "yesterday" }, { date: at(noon), age: "old" }, { date: at(noon), age: "1e400" }])(
  "%j tells no time",
  (headers) => {
    const clocks = new Clocks();
    clocks.observe("https://a.example", headers, { sentAt: noon, receivedAt: noon });
    expect(clocks.offset("https://a.example")).toBeUndefined();
  },
);
