/** The commands of docs/INSTALL.md, by the headings under which they stand. */
import { readFileSync } from "node:fs";

/** Heading → the lines that one types. */
export function installCommands(page: string = readFileSync("docs/INSTALL.md", "utf8")): Map<string, string[]> {
  const sections = page.split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => [
      section.split("\n")[0] ?? "",
      Array.from(section.matchAll(/^```sh\n([^]*?)^```$/gm), ([, block = ""]) => block)
        .join("")
        .replaceAll(/\\\n\s*/g, "")
        .split("\n")
        .filter((line) => line !== ""),
    ]),
  );
}

/** The headings whose commands `npm run twice` types, one after the other, in a clone. */
export const typedInClone: readonly string[] = ["From a clone", "As a package"];
