/** Amounts, times and bars as people read them. */
import { bytesText } from "../../../data/bytes-text.ts";

export { bytesText };

/** 3270 → "3,270". */
export function countText(count: number): string {
  // toLocaleString would load the tables of all languages, which takes longer than proving a small repository.
  return String(count).replace(/\B(?=(?:[0-9]{3})+$)/g, ",");
}

/** What stands below a list that names only the first of many. */
export function moreText(count: number): string {
  return `and ${countText(count)} more; --json names them all`;
}

/** "1 blob", "57 blobs". */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

export type Unit = "bytes" | "blobs" | "records";

/** "12.1 of 40.0 MB" or "57 of 812 blobs"; without a total "12.1 MB". */
export function progressText(unit: Unit, done: number, total?: number): string {
  if (unit === "bytes") {
    return total === undefined ? bytesText(done) : `${bytesText(done)} of ${bytesText(total)}`;
  }
  return total === undefined
    ? plural(done, unit.slice(0, -1))
    : `${countText(done)} of ${plural(total, unit.slice(0, -1))}`;
}

/** 75 → "1 min 15 s". Seconds; coarser the longer it is. */
export function durationText(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  const minutes = Math.round(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/**
 * "2026-12-01 09:30 (UTC+1)": a time as the person's clock shows it, to the minute.
 *
 * @param iso ISO 8601
 */
export function timeText(iso: string): string {
  const time = new Date(iso);
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  const ahead = -time.getTimezoneOffset();
  const hours = `${ahead < 0 ? "-" : "+"}${Math.floor(Math.abs(ahead) / 60)}`;
  const minutes = ahead % 60 === 0 ? "" : `:${two(Math.abs(ahead) % 60)}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())} (UTC${ahead === 0 ? "" : `${hours}${minutes}`})`;
}

/** A sentence with its times (ISO 8601, UTC) as the person's clock shows them. */
export function withLocalTimes(sentence: string): string {
  return sentence.replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, timeText);
}

/** A bar of `width` characters. */
export function barText(done: number, total: number, width: number, unicode: boolean): string {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const full = Math.floor(share * width);
  return (unicode ? "█" : "#").repeat(full) + (unicode ? "░" : "-").repeat(width - full);
}

/** So much of so much, and of what is counted otherwise the bytes, where they are known. */
export interface Amount {
  readonly unit: Unit;
  readonly done: number;
  readonly total?: number;
  readonly bytes?: number;
}

/** How fast it goes, and how long it still takes, from what was done since the first sample. */
export interface Meter {
  /** At `now` (milliseconds): "1.2 MB/s" or "12 blobs/s", and "1 min 15 s left"; each only once it can be told. */
  read(amount: Amount, now: number): { readonly rate?: string; readonly left?: string };
}

export function createMeter(): Meter {
  let first: { done: number; bytes: number; at: number } | undefined;
  return {
    read: ({ unit, done, total, bytes = unit === "bytes" ? done : 0 }, now) => {
      first ??= { done, bytes, at: now };
      const seconds = (now - first.at) / 1000;
      const moved = done - first.done;
      // Too early to say anything that would not jump about.
      if (seconds < 2 || moved <= 0) {
        return {};
      }
      const came = bytes - first.bytes;
      const each = moved / seconds;
      return {
        rate:
          came > 0
            ? `${bytesText(came / seconds)}/s`
            : `${each < 10 ? each.toFixed(1) : countText(Math.round(each))} ${unit}/s`,
        ...(total === undefined ? {} : { left: `${durationText((total - done) / each)} left` }),
      };
    },
  };
}

/**
 * "57 of 812 blobs, 31.2 MB, 1.2 MB/s, 2 min 5 s left": as much of it as `room` columns take; the count always, then
 * rather the time than the rate.
 */
export function statusText(amount: Amount, { rate, left }: ReturnType<Meter["read"]>, room: number = Infinity): string {
  const { unit, done, total, bytes } = amount;
  const parts = [
    { text: progressText(unit, done, total), rank: 0 },
    { text: unit === "bytes" || bytes === undefined ? undefined : bytesText(bytes), rank: 3 },
    { text: rate, rank: 2 },
    { text: left, rank: 1 },
  ].filter(({ text }) => text !== undefined);
  for (const most of [3, 2, 1, 0]) {
    const text = parts.flatMap((part) => (part.rank <= most && part.text !== undefined ? [part.text] : [])).join(", ");
    if (text.length <= room) {
      return text;
    }
  }
  return "";
}
