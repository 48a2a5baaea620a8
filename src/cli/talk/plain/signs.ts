/** The signs that decamp writes beside letters, and what stands for them where there is only ASCII. */
import { ownSystem } from "../../../services/system-rules.ts";

const ascii: Readonly<Record<string, string>> = {
  "→": "->",
  "←": "<-",
  "–": "-",
  "…": "...",
  "“": '"',
  "”": '"',
  "✔": "ok",
  "✗": "x",
  "█": "#",
  "░": "-",
};

const signs = new RegExp(`[${Object.keys(ascii).join("")}]`, "g");

/** The text without those signs. What else a name has stays. */
export function inAscii(text: string): string {
  return text.replace(signs, (sign) => ascii[sign] ?? sign);
}

/** Whether the terminal is likely to show more than ASCII. */
export function showsUnicode(env: Readonly<NodeJS.ProcessEnv>, system: NodeJS.Platform = ownSystem): boolean {
  if (system === "win32") {
    return env["WT_SESSION"] !== undefined || env["TERM_PROGRAM"] === "vscode";
  }
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((value) => value !== undefined && value !== "");
  return env["TERM"] !== "linux" && (locale === undefined || /utf-?8/i.test(locale));
}
