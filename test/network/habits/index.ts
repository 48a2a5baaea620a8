/**
 * Fronts that make a reference PDS look like a server of another make, as the sources of those have it. What a front
 * cannot do by answering in other words, such as signing a commit of its own, it does with the server's own keys.
 */
import { cirrus } from "./cirrus.ts";
import { cocoon } from "./cocoon.ts";
import { entryway } from "./entryway.ts";
import { ezpds } from "./ezpds.ts";
import type { Front } from "./front.ts";
import { minimal } from "./minimal.ts";
import { rsky } from "./rsky.ts";
import { tranquil } from "./tranquil.ts";

/** Which make. */
export type Habit = "cirrus" | "cocoon" | "entryway" | "ezpds" | "minimal" | "rsky" | "tranquil";

/** All of them. */
export const habits: readonly Habit[] = ["rsky", "cocoon", "ezpds", "cirrus", "tranquil", "minimal", "entryway"];

/**
 * Has a server answer as one of that make does, from now on.
 *
 * @param did the only account, of a make that has but one
 * @param livesThere whether that account is active there
 */
export function takeOn(front: Front, habit: Habit, did: string = "", livesThere: boolean = false): void {
  if (habit === "cirrus") {
    cirrus(front, did, livesThere);
    return;
  }
  ({ cocoon, entryway, ezpds, minimal, rsky, tranquil })[habit](front);
}
