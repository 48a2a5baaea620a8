/** Amounts, times and bars as people read them. */

/** 1234567 bytes → "1.2 MB"; steps of a thousand, as disks and providers count. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

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

/** A bar of `width` characters. */
export function barText(done: number, total: number, width: number, unicode: boolean): string {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const full = Math.floor(share * width);
  return (unicode ? "█" : "#").repeat(full) + (unicode ? "░" : "-").repeat(width - full);
}

/** How long it still takes, from what was done since the first sample. */
export interface Meter {
  /** Seconds left at `now` (ms), or undefined while nobody can tell. */
  secondsLeft(done: number, total: number | undefined, now: number): number | undefined;
}

export function createMeter(): Meter {
  let first: { done: number; at: number } | undefined;
  return {
    secondsLeft: (done, total, now) => {
      first ??= { done, at: now };
      const seconds = (now - first.at) / 1000;
      const moved = done - first.done;
      // Too early to say anything that would not jump about.
      return total === undefined || seconds < 2 || moved <= 0 ? undefined : ((total - done) / moved) * seconds;
    },
  };
}
