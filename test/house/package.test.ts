/** What npm would publish: small, whole, and with addresses that agree. Looks at `dist` as it was built last. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { pages } from "../../src/cli/help/ready-help.ts";
import { addressFaults, repositoryOf, type Manifest } from "../tools/release-rules.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const manifest = JSON.parse(read("package.json")) as Manifest;

interface Packed {
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}
let packed: Packed;
let paths: readonly string[] = [];
beforeAll(() => {
  // The build belongs to `npm test`, which has made it.
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
    cwd: root,
    encoding: "utf8",
  });
  const [only] = Object.values(JSON.parse(stdout) as Record<string, Packed>);
  packed = only ?? { size: 0, files: [] };
  paths = packed.files.map((file) => file.path).sort();
});

// With commander, smol-toml, valibot and ipaddr.js in it, which nobody has to install beside it.
test("the package is at most 511 kB", () => {
  expect(packed.size).toBeGreaterThan(100_000);
  expect(packed.size).toBeLessThanOrEqual(511_000);
});

test("no line of code fills a screen: Node.js prints that of an error that nobody has caught", () => {
  const code = paths.filter((file) => file.endsWith(".js"));
  expect(code.length).toBeGreaterThan(20);
  expect(
    code.filter((file) =>
      read(file)
        .split("\n")
        .some((line) => line.length > 2000),
    ),
  ).toEqual([]);
});

test("it has what runs, what describes it, and nothing else", () => {
  const rest = paths.filter((file) => !/^dist\/.*(?:\.js|\.d\.ts)$/.test(file));
  expect(rest).toEqual(["LICENSE", "README.md", "bin/decamp.js", "dist/LICENSES.txt", "package.json"]);
});

test("nothing in it points to a file that is not there", () => {
  const missing: string[] = [];
  let seen = 0;
  for (const file of paths.filter((name) => name.startsWith("dist/") || name.startsWith("bin/"))) {
    const text = read(file);
    expect(text).not.toContain("sourceMappingURL");
    for (const [, specifier = ""] of text.matchAll(/(?:\bfrom ?|\bimport ?\(?)["`](\.[^"`]+)["`]/g)) {
      seen += 1;
      const target = path.posix.join(path.posix.dirname(file), specifier);
      const shipped = file.endsWith(".d.ts") ? target.replace(/\.ts$/, ".d.ts") : target;
      if (!paths.includes(shipped)) {
        missing.push(`${file}: ${specifier}`);
      }
    }
  }
  expect(missing).toEqual([]);
  expect(seen).toBeGreaterThan(200);
});

test("no code in it needs a package that is not installed with it", () => {
  const { dependencies, optionalDependencies } = JSON.parse(read("package.json"));
  const installed = Object.keys({ ...dependencies, ...optionalDependencies });
  const needed = paths
    .filter((file) => file.endsWith(".js"))
    .flatMap((file) =>
      Array.from(read(file).matchAll(/\b(?:from ?|import ?\(?)["`](@?[\w-][^"`]*)["`]/g), ([, name]) => name ?? ""),
    )
    .map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? "");
  expect(needed.length).toBeGreaterThan(10);
  expect(needed.filter((name) => !installed.includes(name))).toEqual([]);
});

test("the help in it is that of the sources", async () => {
  const built = (await import(path.join(root, "dist/cli/help/ready-help.js"))) as { pages: unknown };
  expect(built.pages).toEqual(pages);
});

test("the addresses in package.json agree", () => {
  expect(addressFaults(manifest)).toEqual([]);
});

test("no page and no source names another address of decamp", () => {
  const files = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].concat(
    ...["src", "docs", "bin"].map((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((name) => /\.(?:ts|js|md)$/.test(name))
        .map((name) => path.join(folder, name)),
    ),
  );
  const named = files.flatMap((file) =>
    Array.from(read(file).matchAll(/https?:\/\/[^\s"'`<>)\]]*\/(?:decamp|issues)\b[^\s"'`<>)\]]*/g), ([url]) => ({
      file,
      url,
    })),
  );
  expect(named.filter(({ url }) => !url.startsWith(repositoryOf(manifest)))).toEqual([]);
});
