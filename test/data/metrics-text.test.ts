/** Figures in the text format of Prometheus. */
import { expect, test } from "vitest";
import { metricsText } from "../../src/data/metrics-text.ts";
import { readExposition } from "../tools/exposition.ts";

test("a figure with and without labels, as the format has it", () => {
  const text = metricsText([
    { name: "decamp_runs_total", type: "counter", help: "Runs.", samples: [{ labels: { result: "good" }, value: 3 }] },
    { name: "decamp_age_seconds", type: "gauge", help: "Age.", samples: [{ value: 1.5 }] },
  ]);
  expect(text).toBe(
    [
      "# HELP decamp_runs_total Runs.",
      "# TYPE decamp_runs_total counter",
      'decamp_runs_total{result="good"} 3',
      "# HELP decamp_age_seconds Age.",
      "# TYPE decamp_age_seconds gauge",
      "decamp_age_seconds 1.5",
      "",
    ].join("\n"),
  );
});

test("what would end a line or a value is escaped", () => {
  const nasty = 'a "b" \\ c\nd';
  const text = metricsText([{ name: "x", type: "gauge", help: nasty, samples: [{ labels: { l: nasty }, value: 1 }] }]);
  const [[name, { help, samples }] = ["", { help: "", samples: new Map() }]] = [...readExposition(text)];
  expect([name, help, ...samples]).toEqual(["x", String.raw`a "b" \\ c\nd`, [String.raw`l="a \"b\" \\ c\nd"`, 1]]);
});

test("what has no sample is not told", () => {
  expect(metricsText([{ name: "x", type: "gauge", help: "X.", samples: [] }])).toBe("");
});

test.each([
  ["# HELP x X.\n# TYPE x gauge\nx 1", "no end"],
  ["x 1\n", "not behind its own TYPE"],
  ["# HELP x X.\nx 1\n", "not behind its own TYPE"],
  ["# HELP x X.\n# TYPE x gauge\nx one\n", "no number"],
  ["# HELP x X.\n# TYPE x gauge\nx 1\nx 2\n", "twice"],
  ['# HELP x X.\n# TYPE x gauge\nx{a="1",a="2"} 1\n', "label twice"],
  ['# HELP x X.\n# TYPE x gauge\nx{a="1"b="2"} 1\n', "no line of the format"],
  ["# HELP x X.\n# TYPE x counter\nx 1\n", "_total is for counters"],
  ["# HELP x_total X.\n# TYPE x_total gauge\nx_total 1\n", "_total is for counters"],
  ["# HELP x_total X.\n# TYPE x_total counter\nx_total -1\n", "not counted"],
  ["# HELP x X.\n# TYPE x gauge\n", "without samples"],
  ["# HELP x X.\n# TYPE x gauge\nx 1\n# HELP y Y.\n# TYPE y gauge\nx 2\ny 1\n", "not behind its own TYPE"],
])("what is not so is refused: %j", (text, why) => {
  expect(() => readExposition(text)).toThrow(why);
});
