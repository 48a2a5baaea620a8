/** How far the clocks of other hosts are from ours, as their `Date` headers tell. */

/** A measurement, and how long the answer took that it comes from: the shorter, the surer. */
interface Sample {
  readonly offset: number;
  readonly roundTrip: number;
}

/** An answer that has lain longer in a cache tells nothing (seconds). */
const oldest = 86_400;

/** So far two measurements may be apart that take no time, since headers have whole seconds (milliseconds). */
const resolution = 1000;

export class Clocks {
  readonly #samples = new Map<string, Sample>();

  /**
   * Takes note of an answer.
   *
   * @param sentAt our clock when the request went out, epoch milliseconds; `receivedAt` when the headers were there
   */
  observe(
    origin: string,
    headers: Readonly<Record<string, string | undefined>>,
    { sentAt, receivedAt }: { sentAt: number; receivedAt: number },
  ): void {
    const date = Date.parse(headers["date"] ?? "");
    // What a cache kept is older than it says.
    const age = Number(headers["age"] ?? "0");
    const roundTrip = receivedAt - sentAt;
    if (Number.isNaN(date) || !(age >= 0 && age <= oldest) || roundTrip < 0) {
      return;
    }
    const known = this.#samples.get(origin);
    // The header has whole seconds: on average it is half a second late.
    const offset = date + age * 1000 + 500 - (sentAt + receivedAt) / 2;
    // Both cannot be true: one of the clocks was set meanwhile.
    const isOther =
      known !== undefined && Math.abs(offset - known.offset) > (roundTrip + known.roundTrip) / 2 + resolution;
    if (known === undefined || roundTrip < known.roundTrip || isOther) {
      this.#samples.set(origin, { offset, roundTrip });
    }
  }

  /**
   * Milliseconds by which the clock of `origin` is ahead of ours; undefined as long as it has not answered with a date.
   */
  offset(origin: string): number | undefined {
    return this.#samples.get(origin)?.offset;
  }
}
