/**
 * Figures in the text format of Prometheus, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */

/** A figure under one name, once or for each value of its labels. */
export interface Metric {
  /** Ends with its unit, and with `_total` if it only ever grows. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** What it is, in a sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** Of a label as few values as can be: each is a row of its own for whoever stores them. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A word of ours as it is written there: `takenDown` → `taken_down`. */
export function metricsWord(word: string): string {
  return word.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The text, with a line end at its end. A metric without a sample is left out: what is not known is not told. */
export function metricsText(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) =>
      [
        comment("HELP", name, help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")),
        comment("TYPE", name, type),
        ...samples.map(({ labels = {}, value }) => `${name}${labelsText(labels)} ${value}`),
      ]
        .map((line) => `${line}\n`)
        .join(""),
    )
    .join("");
}

function comment(...words: readonly string[]): string {
  return ["#", ...words].join(" ");
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
