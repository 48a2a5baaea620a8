/**
 * A run over all accounts of a server as figures for whoever watches it. The names are public. None has an account in
 * it, and a label has few values: a server has hundreds of thousands of accounts.
 */
import { leastRenewedAt, runResults, type LastRun } from "../../archive/state/last-run.ts";
import { metricsWord, type Metric } from "../../data/metrics-text.ts";
import { classesOf, failuresByCode, type Tally } from "./many-tally.ts";

/** @param run as it has ended */
export function nightMetrics(run: LastRun, tally: Tally): Metric[] {
  const { server, shard, startedAt, endedAt, goodAt, exitCode, totals } = run;
  const whose = { server, ...(shard === undefined ? {} : { shard: `${shard.index}/${shard.count}` }) };
  const one = (value: number | undefined): Metric["samples"] => (value === undefined ? [] : [{ labels: whose, value }]);
  const each = (label: string, values: Readonly<Record<string, number>>): Metric["samples"] =>
    Object.entries(values).map(([name, value]) => ({ labels: { ...whose, [label]: metricsWord(name) }, value }));
  const results = Object.fromEntries(runResults.map((result) => [result, totals.runs[result] ?? 0]));
  const seconds = endedAt === undefined ? undefined : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  return [
    gauge("start_timestamp_seconds", "When the last run began.", one(timeOf(startedAt))),
    gauge("end_timestamp_seconds", "When the last run ended, however that was.", one(timeOf(endedAt))),
    gauge("last_success_timestamp_seconds", "When the last run ended in which all was well.", one(timeOf(goodAt))),
    gauge("duration_seconds", "How long the last run took.", one(seconds)),
    gauge("exit_code", "The exit code of the last run: 0 if all was well.", one(exitCode)),
    gauge("accounts", "Accounts of the last run, by what became of them.", each("outcome", classesOf(tally))),
    gauge(
      "failures",
      "Accounts that failed in the last run, by the code of the error.",
      each("code", failuresByCode(tally)),
    ),
    gauge("archived_accounts", "Accounts of the last run that have an archive, active or not.", one(tally.archived)),
    gauge("mended_accounts", "Accounts whose archive was damaged, and is good again.", one(tally.mended)),
    gauge(
      "missed_accounts",
      "Accounts with an archive that the list has lacked for less than three days, and whose identity names no other server.",
      one(tally.missed?.count),
    ),
    gauge(
      "shrunk_accounts",
      "Accounts from which much was gone in the last run, so that an older snapshot is held.",
      one(tally.shrunk),
    ),
    gauge(
      "oldest_snapshot_timestamp_seconds",
      "When the oldest of the newest snapshots of active accounts was made; an account in which nothing changes keeps an old one.",
      one(timeOf(tally.oldest?.createdAt)),
    ),
    gauge(
      "oldest_renewal_timestamp_seconds",
      "Since when the account waits that has waited longest for its archive to be up to date; if none does, when the last run began.",
      one(timeOf(leastRenewedAt(run))),
    ),
    counter("runs", "Runs over this folder, by how they ended.", each("result", results)),
    counter(
      "requests",
      "Requests of all runs over this folder, to servers and to the directory.",
      one(totals.requests),
    ),
    counter(
      "received_bytes",
      "Bytes of repositories and blobs that came in all runs over this folder.",
      one(totals.receivedBytes),
    ),
  ];
}

/** Seconds since 1970. @param iso ISO 8601 */
function timeOf(iso: string | undefined): number | undefined {
  return iso === undefined ? undefined : Date.parse(iso) / 1000;
}

function gauge(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name: `decamp_export_${name}`, type: "gauge", help, samples };
}

function counter(name: string, help: string, samples: Metric["samples"]): Metric {
  return { name: `decamp_export_${name}_total`, type: "counter", help, samples };
}
