/**
 * What help is asked for, as the arguments plainly say: nothing else has to be loaded to answer that. The texts are
 * ready (`ready-help.ts`, `topics.ts`); what is not plain, commander reads.
 */

/** Help is this wide at most. A wider terminal shows it as wide as this, a narrower one breaks it in other places. */
export const helpWidth = 80;

/** What is explained beside the commands, in the order of the help. */
export const topicNames = [
  "archive",
  "rotation key",
  "point of no return",
  "insurance",
  "exit codes",
  "server",
  "environment",
  "configuration",
] as const;

export type TopicName = (typeof topicNames)[number];

/** What help is asked for: a topic, a command, or both. */
export interface Asked {
  readonly topic: TopicName | undefined;
  /** Name of the command; empty for decamp itself. It need not be one that there is. */
  readonly command: string;
}

/**
 * The help that is asked for.
 *
 * @param argv the arguments behind the program's name
 * @returns undefined if they are no plain request for help
 */
export function helpAsked(argv: readonly string[]): Asked | undefined {
  const words = argv.filter((word) => word !== "--help" && word !== "-h");
  if (words.some((word) => word.startsWith("-"))) {
    return undefined;
  }
  if (words.length < argv.length || argv.length === 0) {
    return { topic: undefined, command: words.join(" ") };
  }
  return words[0] === "help" ? askedByWords(words.slice(1)) : undefined;
}

/** What `decamp help WORDS` asks for. */
export function askedByWords(words: readonly string[]): Asked {
  const text = words.join(" ");
  const topic = topicNamed(text);
  return { topic, command: topic ?? text };
}

/** The help of all commands. Many have paragraphs in common: each is there once. */
export interface Pages {
  /** Paragraphs, without the empty lines between them. */
  readonly blocks: readonly string[];
  /** Name of a command → its paragraphs. */
  readonly pages: Readonly<Record<string, readonly number[]>>;
}

/** What is between two paragraphs. */
export const betweenBlocks = "\n\n";

/** The help of a command; undefined if there is no such command. */
export function pageOf({ blocks, pages }: Pages, command: string): string | undefined {
  const numbers = Object.hasOwn(pages, command) ? pages[command] : undefined;
  return numbers?.map((number) => blocks[number] ?? "").join(betweenBlocks);
}

/** Other names of a topic. */
const otherNames: Readonly<Record<string, TopicName>> = {
  archives: "archive",
  rotation: "rotation key",
  "rotation keys": "rotation key",
  keys: "rotation key",
  servers: "server",
  operator: "server",
  "exit code": "exit codes",
  variables: "environment",
  config: "configuration",
  settings: "configuration",
  "environment variables": "environment",
};

/** With hyphens or spaces, in capitals or not. */
function topicNamed(text: string): TopicName | undefined {
  const plain = text.toLowerCase().replaceAll(/[-_ ]+/g, " ");
  return (
    topicNames.find((name) => name === plain) ?? (Object.hasOwn(otherNames, plain) ? otherNames[plain] : undefined)
  );
}

/** The shells that `decamp completion` knows. */
export const shells = ["bash", "zsh", "fish", "powershell"] as const;

export type Shell = (typeof shells)[number];

/** Whether it is one of them. */
export function isShell(text: string | undefined): text is Shell {
  return shells.some((shell) => shell === text);
}
