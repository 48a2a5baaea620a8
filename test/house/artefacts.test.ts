/** What lies beside the package of a release. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { artefactFlaws, artefactsOf, sumsOf } from "../release/artefact-rules.ts";
import { sbomOf, type Lockfile } from "../release/sbom.ts";
import { bundled } from "../tools/dist.ts";

const lock: Lockfile = {
  name: "us",
  version: "1.0.0",
  packages: {
    "": {
      license: "MIT",
      dependencies: { a: "1" },
      optionalDependencies: { o: "1" },
      devDependencies: { t: "1", built: "1" },
    },
    "node_modules/a": { version: "1.0.0", license: "MIT", integrity: "sha512-AAEC", dependencies: { "@s/b": "2" } },
    "node_modules/a/node_modules/@s/b": { version: "2.0.0", license: "ISC OR MIT", dependencies: { c: "1", a: "1" } },
    "node_modules/@s/b": { version: "1.0.0", license: "MIT" },
    "node_modules/c": { version: "1.0.0", license: "MIT" },
    "node_modules/o": { version: "1.0.0", license: "MIT", optionalDependencies: { "o-mac": "1" } },
    "node_modules/o-mac": { version: "1.0.0", license: "MIT" },
    "node_modules/t": { version: "1.0.0", license: "MIT", dependencies: { "@s/b": "1" } },
    "node_modules/built": { version: "3.0.0", license: "MIT" },
    tests: { version: "0.0.0", dependencies: { t: "1" } },
  },
};

test("the list of parts has what is installed or built in, each as Node.js finds it, and nothing of the tests", () => {
  const { components, dependencies, metadata } = sbomOf(lock, ["built"]);
  expect(components.map((one) => [one["bom-ref"], one.scope])).toEqual([
    ["@s/b@2.0.0", "required"],
    ["a@1.0.0", "required"],
    ["built@3.0.0", "required"],
    ["c@1.0.0", "required"],
    ["o-mac@1.0.0", "optional"],
    ["o@1.0.0", "optional"],
  ]);
  expect(components[0]).toMatchObject({ purl: "pkg:npm/%40s/b@2.0.0", licenses: [{ expression: "ISC OR MIT" }] });
  expect(components[1]?.hashes).toEqual([{ alg: "SHA-512", content: "000102" }]);
  expect(metadata.component).toMatchObject({ "bom-ref": "us@1.0.0", type: "application" });
  expect(dependencies).toContainEqual({ ref: "us@1.0.0", dependsOn: ["a@1.0.0", "built@3.0.0", "o@1.0.0"] });
  expect(dependencies).toContainEqual({ ref: "@s/b@2.0.0", dependsOn: ["a@1.0.0", "c@1.0.0"] });
  expect(() => sbomOf({ ...lock, packages: { "": { dependencies: { gone: "1" } } } }, [])).toThrow(/has no gone/);
});

test("that of decamp names every package with its sum and its licence", () => {
  const own = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lockfile;
  const { components } = sbomOf(own, bundled);
  const names = components.map(({ name }) => name);
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(names).toEqual(expect.arrayContaining(Object.keys({ ...dependencies, ...optionalDependencies })));
  expect(names).toEqual(expect.arrayContaining([...bundled, "@noble/curves"]));
  expect(names.filter((name) => ["vitest", "typescript", "@atproto/pds", "@decamp/network"].includes(name))).toEqual(
    [],
  );
  const bare = components.filter(
    ({ hashes, licenses }) => hashes.length === 0 || licenses[0]?.expression === "NOASSERTION",
  );
  expect(bare).toEqual([]);
});

test("a release lacks nothing, and has nothing of another one", () => {
  const names = Object.values(artefactsOf("1.2.3"));
  expect(artefactFlaws("1.2.3", names)).toEqual([]);
  expect(artefactFlaws("1.2.3", [...names.slice(1), "decamp-1.2.2.tgz"])).toEqual([
    "decamp-1.2.3.tgz is missing.",
    "decamp-1.2.2.tgz is no part of 1.2.3: remove it.",
  ]);
});

test("what npm packs has the same permissions, whatever the umask was", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "decamp-modes-"));
  const at = (name: string): string => path.join(folder, name);
  mkdirSync(at("dist/deep"), { recursive: true });
  mkdirSync(at("bin"));
  const names = ["LICENSE", "README.md", "bin/us.js", "dist/deep/a.js", "package.json", "secret"];
  names.forEach((name, place) => writeFileSync(at(name), "", { mode: place % 2 === 0 ? 0o600 : 0o700 }));
  writeFileSync(at("package.json"), JSON.stringify({ files: ["bin", "dist"], bin: { us: "./bin/us.js" } }));
  const script = fileURLToPath(new URL("../release/modes.ts", import.meta.url));
  expect(spawnSync(process.execPath, [script], { cwd: folder }).status).toBe(0);
  const modes = names.map((name) => (statSync(at(name)).mode & 0o777).toString(8));
  expect(modes).toEqual(["644", "644", "755", "644", "644", "700"]);
  rmSync(folder, { recursive: true });
  expect(JSON.parse(readFileSync("package.json", "utf8")).scripts.prepack).toMatch(/ node test\/release\/modes\.ts$/);
});

test("sha256sum takes the sums, and sees what is changed", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "decamp-sums-"));
  const sums = ["b", "a"].map((name): [string, string] => {
    writeFileSync(path.join(folder, name), `bytes of ${name}`);
    return [name, createHash("sha256").update(`bytes of ${name}`).digest("hex")];
  });
  writeFileSync(path.join(folder, "SHA256SUMS"), sumsOf(sums));
  const check = (): unknown => {
    const { status, stdout } = spawnSync("sha256sum", ["--check", "SHA256SUMS"], {
      cwd: folder,
      encoding: "utf8",
      env: { LC_ALL: "C" },
    });
    return [status, stdout];
  };
  expect(check()).toEqual([0, "a: OK\nb: OK\n"]);
  writeFileSync(path.join(folder, "a"), "others");
  expect(check()).toEqual([1, "a: FAILED\nb: OK\n"]);
  rmSync(folder, { recursive: true });
});
