/** What stands in Dockerfile and .dockerignore, for who holds it against the package, or runs its lines elsewhere. */
import { readFileSync } from "node:fs";

export interface Stage {
  readonly from: string;
  /** Its instructions in their order; a line that is continued is one. */
  readonly lines: readonly { readonly word: string; readonly rest: string }[];
}

export interface Dockerfile {
  /** The defaults of the arguments that stand before the first stage. */
  readonly args: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
}

/** Reads one. Only what ours has: no quotes around words, no here-documents. */
export function readDockerfile(text: string = readFileSync("Dockerfile", "utf8")): Dockerfile {
  const args: Record<string, string> = {};
  const stages: { from: string; lines: { word: string; rest: string }[] }[] = [];
  for (const line of text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter(Boolean)) {
    const [, word = "", rest = ""] = /^([A-Z]+) +(.+)$/.exec(line) ?? [];
    const stage = stages.at(-1);
    if (word === "FROM") {
      stages.push({ from: rest, lines: [] });
    } else if (stage !== undefined && word !== "") {
      stage.lines.push({ word, rest });
    } else if (word === "ARG") {
      const [name = "", value = ""] = rest.split("=");
      args[name] = value;
    } else {
      throw new Error(`This line of Dockerfile is not understood: ${line}`);
    }
  }
  return { args, stages };
}

/** What the lines of a stage with this word say. */
export function linesOf(stage: Stage | undefined, word: string): string[] {
  return (stage?.lines ?? []).filter((line) => line.word === word).map(({ rest }) => rest);
}
