/** A file of figures that another program reads whenever it likes, such as the textfile collector of node_exporter. */
import { DecampError } from "../../../errors.ts";
import { metricsText, type Metric } from "../../../data/metrics-text.ts";
import { splitPath } from "../files.ts";
import { isFolder } from "../hash-file.ts";
import { writeOutput } from "./output-file.ts";

/**
 * Looks, before hours of work, whether there can be such a file.
 *
 * @throws DecampError `usage` if there is a folder of its name, or no folder to put it in
 */
export async function requireMetricsPlace(path: string): Promise<void> {
  const isThere = path === "-" || (await isFolder(path));
  if (isThere || !(await isFolder(splitPath(path).folder))) {
    const why =
      path === "-" ? "the standard output has the report" : isThere ? "it is a folder" : "its folder is not there";
    throw new DecampError("usage", `--metrics-file: ${path} cannot be written: ${why}.`, {
      hint: "Give the path of a file in a folder that is there, such as the one that node_exporter reads.",
      data: { path },
    });
  }
}

/**
 * Writes the figures: whoever reads finds those of before or these, and never a half. Every user of the machine may
 * read them, since the one who collects them is another. The name of the unfinished file does not end with `.prom`.
 *
 * @throws DecampError `storage`, `refused` for a link that leads nowhere
 */
export async function writeMetrics(path: string, metrics: readonly Metric[]): Promise<void> {
  await writeOutput(path, metricsText(metrics), "everybody");
}
