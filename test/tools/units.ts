/**
 * `npm run units`: writes deploy/systemd, and the units and crontabs of the pages, from the code of `decamp insure`,
 * which is the one source of them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cronLines } from "../../src/cli/insure/cron.ts";
import type { Insurance } from "../../src/cli/insure/jobs.ts";
import { systemdUnits } from "../../src/cli/insure/systemd.ts";
import { wholeSystem } from "../../src/cli/insure/whole-system.ts";

const at = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** As the pages have it: the account, the folders and the programs that stand for one's own. */
const own: Insurance = {
  account: "alice.example.com",
  archive: "/home/alice/backup",
  launcher: ["/usr/local/bin/node", "/usr/local/bin/decamp"],
  complete: (words) => words,
};
const ping = ["curl", "-fsS", "-m", "10", "--retry", "3", "-o", "/dev/null", "https://ping.example.net/your-id"];
const password = "/etc/decamp/alice.password";
const served: Insurance = {
  ...own,
  archive: "/srv/backup/alice",
  launcher: ["/usr/local/bin/decamp"],
  passwordFile: password,
  pingCommand: ping.join(" "),
};
const cronHead = "PATH=/usr/local/bin:/usr/bin:/bin\nMAILTO=alice@example.com\n\n";

const [service, timer] = systemdUnits(own).units;

/** The blocks of a page that are made: its language, the first line of what is inside, and the content. */
const blocks: Readonly<Record<string, readonly { language: string; content: string }[]>> = {
  "docs/INSURANCE.md": [
    { language: "ini", content: service?.content ?? "" },
    { language: "ini", content: timer?.content ?? "" },
    { language: "crontab", content: cronLines(own).units[0]?.content ?? "" },
  ],
  "docs/SCRIPTING.md": [
    { language: "crontab", content: `${cronHead}${cronLines(served).units[0]?.content ?? ""}` },
    ...[
      ...wholeSystem.templates,
      wholeSystem.withPassword("alice.example.com", password),
      wholeSystem.afterwards(["/usr/bin/curl", ...ping.slice(1)]),
    ].map(({ content }) => ({ language: "ini", content })),
  ],
};

/** Every file as it has to be: its name in the clone, and its text. */
export function madeFiles(): ReadonlyMap<string, string> {
  return new Map([
    ...[...wholeSystem.templates, ...wholeSystem.serverTemplates].map(
      ({ name, content }) => [`deploy/systemd/${name}`, content] as const,
    ),
    ...Object.keys(blocks).map((page) => [page, withBlocks(page, readFileSync(at(page), "utf8"))] as const),
  ]);
}

/** A page with the content of its blocks of these languages, in their order. @throws Error if it has others */
function withBlocks(page: string, text: string): string {
  const left = [...(blocks[page] ?? [])];
  const made = text.replaceAll(/^```(ini|crontab)\n[^]*?^```$/gm, (_, language: string) => {
    const next = left.shift();
    if (next?.language !== language) {
      throw new Error(`${page}: there is nothing to write into a block of ${language}`);
    }
    return `\`\`\`${language}\n${next.content}\`\`\``;
  });
  if (left.length > 0) {
    throw new Error(`${page}: there is no block for ${left.length} more`);
  }
  return made;
}

if (import.meta.main) {
  for (const [name, text] of madeFiles()) {
    writeFileSync(at(name), text);
  }
}
