/**
 * Very many numbers in little memory: eight bytes for each place, of which a quarter at least is free. A `Set` takes
 * five times as much, and leaves as much behind whenever it grows.
 */

/** Stands where there is no number. */
const free = -1;

/** A set of whole numbers from 0 to 2^53 - 1 that are spread evenly, as parts of a hash are. */
export class NumberSet {
  #places: Float64Array;
  #size = 0;

  constructor() {
    this.#places = empty(1024);
  }

  /** How many numbers are in it. */
  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    return this.#places[this.#placeOf(number)] === number;
  }

  add(number: number): void {
    const place = this.#placeOf(number);
    if (this.#places[place] === number) {
      return;
    }
    this.#places[place] = number;
    this.#size += 1;
    if (this.#size > this.#places.length * 0.75) {
      const before = this.#places;
      this.#places = empty(2 * before.length);
      for (const one of before) {
        if (one !== free) {
          this.#places[this.#placeOf(one)] = one;
        }
      }
    }
  }

  *[Symbol.iterator](): Generator<number> {
    for (const one of this.#places) {
      if (one !== free) {
        yield one;
      }
    }
  }

  /** Where a number is, or would be put. */
  #placeOf(number: number): number {
    const places = this.#places;
    let place = number % places.length;
    while (places[place] !== number && places[place] !== free) {
      place = (place + 1) % places.length;
    }
    return place;
  }
}

function empty(places: number): Float64Array {
  return new Float64Array(places).fill(free);
}
