/** Which files a release has. Pure. */

/** Their names, without the folder. */
export interface Artefacts {
  readonly package: string;
  readonly program: string;
  readonly licences: string;
  readonly sbom: string;
  readonly man: string;
  readonly sums: string;
}

/** The files of a version. */
export function artefactsOf(version: string): Artefacts {
  const program = `decamp-${version}-linux-x64`;
  return {
    package: `decamp-${version}.tgz`,
    program,
    licences: `${program}.LICENSES.txt`,
    sbom: `decamp-${version}.cdx.json`,
    man: "decamp.1",
    sums: "SHA256SUMS",
  };
}

/** What is wrong with the folder of a release, a sentence each. @param there the names in it */
export function artefactFlaws(version: string, there: readonly string[]): string[] {
  const names = artefactsOf(version);
  const wanted = Object.values(names).filter((name) => name !== names.sums);
  return [
    ...wanted.filter((name) => !there.includes(name)).map((name) => `${name} is missing.`),
    ...there
      .filter((name) => name !== names.sums && !wanted.includes(name))
      .map((name) => `${name} is no part of ${version}: remove it.`),
  ];
}

/** The text of SHA256SUMS, as `sha256sum --check` reads it. @param sums names and hexadecimal sums */
export function sumsOf(sums: readonly (readonly [string, string])[]): string {
  return sums
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, sum]) => `${sum}  ${name}\n`)
    .join("");
}
