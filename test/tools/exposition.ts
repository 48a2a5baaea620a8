/**
 * Reads figures in the text format of Prometheus 0.0.4, and refuses whatever the format, the conventions for names or
 * `promtool check metrics` would not have: https://prometheus.io/docs/instrumenting/exposition_formats/ and
 * https://prometheus.io/docs/practices/naming/. What may be left out there may not here: each has HELP and TYPE, in
 * that order, and its samples behind them.
 */

export interface Family {
  readonly type: string;
  readonly help: string;
  /** By the labels, sorted, as `name="value"` with commas between. */
  readonly samples: ReadonlyMap<string, number>;
}

const metricName = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const labelPair = String.raw`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"`;
const sampleLine = new RegExp(String.raw`^(${metricName})(?:\{(${labelPair}(?:,${labelPair})*)\})? (\S+)$`);
/** What Go's ParseFloat takes, without its rarer forms. */
const float = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/;

/** @throws Error that names the line */
export function readExposition(text: string): Map<string, Family> {
  if (text !== "" && !text.endsWith("\n")) {
    throw new Error("the last line has no end");
  }
  const families = new Map<string, Family & { readonly samples: Map<string, number> }>();
  let current: { name: string; help: string } | undefined;
  for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
    const refuse = (why: string): never => {
      throw new Error(`line ${index + 1}, ${why}: ${line}`);
    };
    const [, word, name = "", rest = ""] = new RegExp(`^# (HELP|TYPE) (${metricName}) (.+)$`).exec(line) ?? [];
    if (word === "HELP") {
      if (families.has(name)) {
        refuse("told twice");
      }
      if (!/^(?:[^\\]|\\[\\n])*$/.test(rest)) {
        refuse("an escape that there is not");
      }
      current = { name, help: rest };
      continue;
    }
    if (word === "TYPE") {
      if (current?.name !== name || families.has(name)) {
        refuse("TYPE without its HELP before it");
      }
      if (!["counter", "gauge"].includes(rest)) {
        refuse("a type that is not used here");
      }
      if ((rest === "counter") !== name.endsWith("_total")) {
        refuse("_total is for counters");
      }
      if (
        /(?:_(?:milliseconds|minutes|hours|days|kilobytes|megabytes|ms|kb|mb|info|count|sum|bucket)(?:_|$))|[A-Z:]/.test(
          name,
        )
      ) {
        refuse("no base unit, or a name of something else");
      }
      families.set(name, { type: rest, help: current?.help ?? "", samples: new Map() });
      continue;
    }
    const found = sampleLine.exec(line) ?? refuse("no line of the format");
    const [, of = "", labels = "", value = ""] = [found[1], found[1], found[2], found.at(-1)];
    const family = families.get(of);
    if (family === undefined || of !== current?.name) {
      throw new Error(`line ${index + 1}, not behind its own TYPE: ${line}`);
    }
    const pairs = Array.from(labels.matchAll(new RegExp(labelPair, "g")), ([pair, label = ""]) => ({ pair, label }));
    if (
      new Set(pairs.map(({ label }) => label)).size < pairs.length ||
      pairs.some(({ label }) => label.startsWith("__"))
    ) {
      refuse("a label twice, or one that is reserved");
    }
    const key = pairs
      .map(({ pair }) => pair)
      .toSorted()
      .join(",");
    if (family.samples.has(key)) {
      refuse("a sample twice");
    }
    if (!float.test(value)) {
      refuse("no number");
    }
    if (family.type === "counter" && !(Number(value) >= 0)) {
      refuse("a counter that is not counted");
    }
    family.samples.set(key, Number(value));
  }
  const empty = [...families].filter(([, { samples }]) => samples.size === 0).map(([name]) => name);
  if (empty.length > 0) {
    throw new Error(`without samples: ${empty.join(", ")}`);
  }
  return families;
}
