/**
 * What decamp is made of, as CycloneDX 1.5, from the lockfile alone: the same for everybody, without a time and a
 * serial number. `npm sbom` leaves out a sixth of it: packages that are needed in the workspace of the tests, too.
 */

/** What a lockfile says of a package. */
interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lockfile {
  readonly name: string;
  readonly version: string;
  /** By their places: `node_modules/a/node_modules/b`; decamp itself is the empty one. */
  readonly packages: Readonly<Record<string, Locked>>;
}

interface Component {
  readonly type: "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly scope: "required" | "optional";
  readonly purl: string;
  readonly hashes: readonly { readonly alg: "SHA-512"; readonly content: string }[];
  readonly licenses: readonly { readonly expression: string }[];
}

export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.5";
  readonly version: 1;
  readonly metadata: { readonly component: Readonly<Record<string, unknown>> };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * All packages that are installed with decamp or built into it.
 *
 * @param builtIn packages whose code is in `dist`
 * @throws if the lockfile does not have one that it names
 */
export function sbomOf(lock: Lockfile, builtIn: readonly string[]): Sbom {
  const { packages } = lock;
  const required = reached(packages, builtIn, ["dependencies"]);
  const all = reached(packages, builtIn, ["dependencies", "optionalDependencies"]);
  const components = [...all.keys()]
    .filter((place) => place !== "")
    .map((place) => componentOf(place, packages, required.has(place)));
  const unique = new Map(
    components.toSorted((a, b) => (a["bom-ref"] < b["bom-ref"] ? -1 : 1)).map((one) => [one["bom-ref"], one]),
  );
  const refOf = (place: string): string => (place === "" ? `${lock.name}@${lock.version}` : refAt(place, packages));
  const dependencies = new Map<string, Set<string>>();
  for (const [place, needs] of all) {
    const known = dependencies.get(refOf(place)) ?? new Set();
    needs.forEach((one) => known.add(refOf(one)));
    dependencies.set(refOf(place), known);
  }
  const { license = "" } = packages[""] ?? {};
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": refOf(""),
        name: lock.name,
        version: lock.version,
        purl: purlOf(lock.name, lock.version),
        licenses: [{ expression: license }],
      },
    },
    components: [...unique.values()],
    dependencies: [...dependencies]
      .map(([ref, needs]) => ({ ref, dependsOn: [...needs].toSorted() }))
      .toSorted((a, b) => (a.ref < b.ref ? -1 : 1)),
  };
}

/** The places of decamp and of all that it needs, each with the places of what it needs itself. */
function reached(
  packages: Lockfile["packages"],
  builtIn: readonly string[],
  kinds: readonly ("dependencies" | "optionalDependencies")[],
): Map<string, string[]> {
  const found = new Map<string, string[]>([["", []]]);
  // A map is walked to its end, also where it grows.
  for (const [place, needs] of found) {
    const { optionalDependencies = {}, ...rest } = packages[place] ?? {};
    // A lockfile names what is optional among the others, too.
    const isWanted = (name: string): boolean =>
      kinds.includes("optionalDependencies") || !(name in optionalDependencies);
    const named = kinds.flatMap((kind) =>
      Object.keys(kind === "dependencies" ? (rest.dependencies ?? {}) : optionalDependencies),
    );
    for (const name of [...named.filter(isWanted), ...(place === "" ? builtIn : [])]) {
      const at = locate(name, place, packages);
      needs.push(at);
      if (!found.has(at)) {
        found.set(at, []);
      }
    }
  }
  return found;
}

/** Where Node.js finds `name` from `place`: in its own `node_modules`, or in that of a folder around it. */
function locate(name: string, place: string, packages: Lockfile["packages"]): string {
  for (let around = place; ; around = around.slice(0, Math.max(0, around.lastIndexOf("/node_modules/")))) {
    const at = `${around === "" ? "" : `${around}/`}node_modules/${name}`;
    if (at in packages) {
      return at;
    }
    if (around === "") {
      throw new Error(`The lockfile has no ${name}, which ${place} needs.`);
    }
  }
}

function componentOf(place: string, packages: Lockfile["packages"], isRequired: boolean): Component {
  const { version = "", license = "NOASSERTION", integrity = "" } = packages[place] ?? {};
  const name = nameAt(place);
  const [, sum] = /^sha512-(\S+)$/.exec(integrity) ?? [];
  return {
    type: "library",
    "bom-ref": refAt(place, packages),
    name,
    version,
    scope: isRequired ? "required" : "optional",
    purl: purlOf(name, version),
    hashes: sum === undefined ? [] : [{ alg: "SHA-512", content: Buffer.from(sum, "base64").toString("hex") }],
    licenses: [{ expression: license }],
  };
}

function nameAt(place: string): string {
  return place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
}

function refAt(place: string, packages: Lockfile["packages"]): string {
  return `${nameAt(place)}@${packages[place]?.version}`;
}

/** The address of a package of npm (specification: package-url). */
function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}
