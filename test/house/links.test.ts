/** Every link from one page of the house to another leads to a page, and to a heading that is on it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].concat(
  readdirSync(path.join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
);

/** Without blocks of code, and code in a line: what looks like a link or a heading there is none. */
function prose(text: string): string {
  return text.replaceAll(/^(`{3,})[^]*?^\1$/gm, "");
}

/** The anchors of a page, as GitHub and GitLab make them of its headings. */
function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ""] of prose(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-");
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    anchors.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return anchors;
}

/** Where the links of a page lead that leave the site neither by a scheme nor by an absolute path. */
function linksOf(text: string): string[] {
  const plain = prose(text).replaceAll(/`[^`\n]*`/g, "code");
  return Array.from(plain.matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target).filter(
    (target) => !/^(?:[a-z]+:|\/)/.test(target),
  );
}

test("the links of a page are found, and the anchors of its headings", () => {
  const text =
    "# One, `two` [three](x)\n\n[a](b.md#c) ![p](d.svg) [e](https://f.example) `[g](h.md)`\n\n## One\n\n## One\n";
  expect(linksOf(text)).toEqual(["x", "b.md#c", "d.svg"]);
  expect([...anchorsOf(text)]).toEqual(["one-two-three", "one", "one-1"]);
});

test("every link leads somewhere", () => {
  const all = pages.flatMap((page) =>
    linksOf(readFileSync(path.join(root, page), "utf8")).map((target) => ({ page, target })),
  );
  const broken = all.filter(({ page, target }) => {
    const [file = "", anchor] = target.split("#");
    const place = file === "" ? path.join(root, page) : path.join(root, path.dirname(page), file);
    return !existsSync(place) || (anchor !== undefined && !anchorsOf(readFileSync(place, "utf8")).has(anchor));
  });
  expect(all.length).toBeGreaterThan(20);
  expect(broken).toEqual([]);
});

test.each(["BACKUP", "KEYS", "MOVE", "OPERATORS", "SERVER-GONE"])(
  "%s says how to get decamp by leading to the one place that does",
  (name) => {
    const text = readFileSync(path.join(root, "docs", `${name}.md`), "utf8");
    expect(linksOf(text)).toContain("../README.md#get-decamp");
    expect(text).not.toMatch(/\bnpm (?:ci|install|link)\b/);
  },
);
