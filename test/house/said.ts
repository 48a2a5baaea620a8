/**
 * All that decamp can say, from its sources: every text of more than one word that stands in the code, whatever it is
 * for, so that none is forgotten. Where something is put in, `…` stands.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "rolldown/parseAst";

export interface Said {
  /** The file, from `src`. */
  readonly file: string;
  readonly text: string;
}

const source = fileURLToPath(new URL("../../src", import.meta.url));

/** Texts for programs: SQL has its like. What is thrown as a plain Error is a bug, and told as one. */
const notSaid = new Set(["help/shell-scripts.ts", "reporters/contract-words.ts"]);

export function said(): Said[] {
  return readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name.replaceAll(path.sep, "/"))
    .filter((name) => ![...notSaid].some((other) => name.endsWith(other)))
    .flatMap((file) => {
      const code = readFileSync(path.join(source, file), "utf8");
      return textsOf(parseAst(code, { lang: "ts" })).map((text) => ({ file, text }));
    });
}

type Node = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null;
}

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) {
    return value.flatMap(textsOf);
  }
  if (!isNode(value)) {
    return [];
  }
  const { type } = value;
  if (isBug(value) || type === "ImportDeclaration" || type === "ImportExpression") {
    return [];
  }
  const own = textOf(value);
  const inside = Object.entries(value).flatMap(([name, part]) => (name === "quasis" ? [] : textsOf(part)));
  return own !== undefined && /[a-z…,;:.?] [a-z…(]/i.test(own) ? [own, ...inside] : inside;
}

/** `new Error(…)`, and not one of ours. */
function isBug({ type, callee }: Node): boolean {
  return type === "NewExpression" && isNode(callee) && ["Error", "TypeError"].includes(String(callee["name"]));
}

/** A text, or one that is put together with + and with `${…}`. */
function textOf(value: unknown): string | undefined {
  if (!isNode(value)) {
    return undefined;
  }
  const { type, left, right, quasis, operator } = value;
  if (type === "Literal" && typeof value["value"] === "string") {
    return value["value"];
  }
  if (type === "TemplateLiteral" && Array.isArray(quasis)) {
    const parts: unknown[] = quasis;
    return parts
      .map((part) => (isNode(part) && isNode(part["value"]) ? String(part["value"]["cooked"]) : ""))
      .join("…");
  }
  if (type === "BinaryExpression" && operator === "+") {
    const [one, other] = [textOf(left), textOf(right)];
    return one === undefined || other === undefined ? undefined : one + other;
  }
  return undefined;
}
