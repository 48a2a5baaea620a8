/**
 * The walls of the house, as a rule of lint: what a room may import. Paths are resolved and counted from `src/`, so
 * that `cli/archive` is never taken for `archive`. A test breaks each wall on a copy (test/house/imports.test.ts).
 */
import { realpathSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Floor → the floors that it may import beside itself and errors.ts. */
const below: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  data: [],
  identity: ["data"],
  repo: ["data", "identity"],
  plc: ["data", "identity"],
  services: ["data", "identity", "repo", "plc"],
  account: ["data", "identity", "repo", "plc", "services"],
  archive: ["data", "identity", "repo", "plc", "services", "account"],
  migration: ["data", "identity", "repo", "plc", "services", "account", "archive"],
  "repo.ts": ["data", "identity", "repo"],
  "plc.ts": ["data", "identity", "plc"],
  "index.ts": ["repo.ts", "plc.ts", "data", "identity", "repo", "plc", "services", "account", "archive", "migration"],
  cli: ["data", "identity", "repo", "plc", "services", "account", "archive", "migration"],
};

/**
 * Within a floor: whoever matches `from` may import what matches `to` only if it is named in `but`. The first match
 * counts.
 */
interface Wall {
  readonly to: RegExp;
  readonly but: RegExp;
  readonly why: string;
}

const walls: readonly Wall[] = [
  { to: /^repo\/proof\//, but: /^repo\/(proof\/|verify\.ts$)/, why: "repo/verify.ts is the one door to repo/proof" },
  {
    to: /^services\/disk\//,
    but: /^(?!services\/)|^services\/(disk|secrets|servers)\/|^services\/open(-network)?\.ts$/,
    why: "within services: http, then servers; disk, then secrets",
  },
  {
    to: /^services\/http\//,
    but: /^(?!services\/)|^services\/(http|servers)\/|^services\/open(-network)?\.ts$/,
    why: "within services: http, then servers; disk, then secrets",
  },
  {
    to: /^services\/servers\//,
    but: /^(?!services\/)|^services\/servers\/|^services\/open(-network)?\.ts$/,
    why: "within services: http, then servers; disk, then secrets",
  },
  {
    to: /^services\/secrets\//,
    but: /^(?!services\/)|^services\/secrets\/|^services\/open(-network)?\.ts$/,
    why: "within services: http, then servers; disk, then secrets",
  },
  {
    to: /^services\/open(-network)?\.ts$/,
    but: /^(?!services\/)|^services\/open\.ts$/,
    why: "services/open.ts opens what the others are",
  },
  {
    to: /^archive\/export\//,
    but: /^(?!archive\/)|^archive\/(export|night|gone)\//,
    why: "archive/export uses the archive, and not the other way round",
  },
  {
    to: /^archive\/night\//,
    but: /^(?!archive\/)|^archive\/(night|gone)\//,
    why: "archive/night goes over exports, and not the other way round",
  },
  {
    to: /^archive\/gone\//,
    but: /^(?!archive\/)|^archive\/gone\//,
    why: "archive/gone removes archives, and nothing of the archive leads there",
  },
  {
    to: /^archive\/check\//,
    but: /^(?!archive\/)|^archive\/(export|check)\//,
    why: "archive/check looks at the archive, and not the other way round",
  },
  {
    to: /^migration\/steps\//,
    but: /^migration\/(steps\/|run\.ts$|restore\/run\.ts$)/,
    why: "migration/run.ts and restore/run.ts know the steps",
  },
  { to: /^cli\/main\.ts$/, but: /^$/, why: "cli/main.ts is the entry" },
  { to: /^cli\/inputs\//, but: /^cli\/(?!talk\/|[^/]+\.ts$)/, why: "cli/inputs is for commands" },
  { to: /^cli\/talk\//, but: /^cli\//, why: "cli/talk is for the command line" },
];

/** Folders of `cli` that are no commands. */
const shared: ReadonlySet<string> = new Set(["help", "inputs", "settings", "talk", "typed"]);

interface Package {
  readonly names: readonly string[];
  /** Who may import it. */
  readonly only: RegExp;
  readonly why: string;
}

const notPure = /^(services|account|archive|migration|cli)\//;

/**
 * What is imported from outside, and by whom. Only the command line knows a terminal, and only services a socket or a
 * file. What is not named here nobody may import.
 */
const packages: readonly Package[] = [
  { names: ["node:crypto", "node:timers/promises"], only: /^/, why: "" },
  {
    names: ["ipaddr.js"],
    only: /^(identity|services)\//,
    why: "identity/addresses.ts says which addresses are public",
  },
  { names: ["valibot", "node:stream", "node:util"], only: notPure, why: "the pure folders know bytes and values" },
  {
    names: ["commander", "chalk", "ora", "@inquirer/prompts", "node:process", "node:readline", "node:tty"],
    only: /^cli\//,
    why: "only cli knows a terminal",
  },
  { names: ["smol-toml"], only: /^cli\/settings\//, why: "cli/settings reads the configuration file" },
  {
    names: [
      "node:fs",
      "node:fs/promises",
      "node:net",
      "node:http",
      "node:https",
      "node:tls",
      "node:dns",
      "node:dns/promises",
      "node:child_process",
      "node:worker_threads",
      "@napi-rs/keyring",
    ],
    only: /^services\//,
    why: "only services has sockets and files",
  },
  {
    names: [
      "@atproto/api",
      "@atproto/crypto",
      "@ipld/car/iterator",
      "@ipld/dag-cbor",
      "age-encryption",
      "node:events",
      "node:path",
      "node:zlib",
    ],
    only: /^services\//,
    why: "it stands behind services",
  },
  { names: ["node:module"], only: /^services\/package\.ts$/, why: "what it loads nobody sees" },
  { names: ["node:v8", "node:vm"], only: /^cli\//, why: "the library is a guest in its process" },
  { names: ["node:os"], only: /^(services|cli)\//, why: "only the edges know the machine" },
];

const pure = /^(data|identity|repo|plc)\//;

/** The seeds of hash tables, which change the speed and never a result. */
const seeded = /^repo\/(?:proof\/distinct|tables)\.ts$/;

/**
 * What speaks against taking `name` from a package that may be imported: time and randomness are arguments of what is
 * pure.
 */
export function objectionToName(from: string, specifier: string, name: string): string | undefined {
  if (!pure.test(from)) {
    return undefined;
  }
  if (specifier === "node:timers/promises" && name !== "setImmediate") {
    return "pure folders have no clock";
  }
  const isRandom = specifier === "node:crypto" && /^(random|generate|webcrypto$|default$)/.test(name);
  return isRandom && !seeded.test(from) ? "randomness is an argument of what is pure" : undefined;
}

/**
 * What speaks against an import.
 *
 * @param from path of the importing file below `src/`, with `/`
 * @param specifier as it stands there
 * @returns a sentence; undefined if nothing does
 */
export function objectionTo(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) {
    const known = packages.find(({ names }) => names.includes(specifier));
    if (known === undefined) {
      return `nobody may import ${specifier}, unless test/tools/walls.ts says who`;
    }
    return known.only.test(from) ? undefined : known.why;
  }
  const to = path.posix.join(path.posix.dirname(from), specifier);
  const [floor = "", toFloor = ""] = [from, to].map((file) => file.split("/")[0] ?? "");
  if (toFloor === "..") {
    return "src imports nothing beside it but packages";
  }
  if (toFloor !== floor && toFloor !== "errors.ts" && below[floor]?.includes(toFloor) !== true) {
    return `${floor} may not import ${toFloor}: dependencies point one way`;
  }
  const wall = walls.find(({ to: what, but }) => what.test(to) && !but.test(from));
  return wall?.why ?? otherCommand(from, to);
}

/** A command's folder is its own: only the table of commands opens it. */
function otherCommand(from: string, to: string): string | undefined {
  const folder = /^cli\/([^/]+)\//.exec(to)?.[1];
  if (folder === undefined || shared.has(folder) || from.startsWith(`cli/${folder}/`) || from === "cli/commands.ts") {
    return undefined;
  }
  return `cli/${folder} is a command: only cli/commands.ts opens it`;
}

/** What oxlint hands to a rule; only what is used of it. */
interface Specifier {
  readonly type: string;
  readonly imported?: { readonly name?: string };
  readonly local?: { readonly name?: string };
}
interface Node {
  readonly type: string;
  readonly source?: { readonly type: string; readonly value?: unknown } | null;
  readonly specifiers?: readonly Specifier[];
  readonly callee?: { readonly type: string; readonly name?: string };
  readonly arguments?: readonly unknown[];
}
interface RuleContext {
  readonly filename: string;
  report(finding: { node: Node; message: string }): void;
}

/** Found from here, because any folder above it can have any name. */
const src = fileURLToPath(new URL("../../src", import.meta.url));

/** What is taken from a module; `default` where all of it is. */
function nameIn({ type, imported, local }: Specifier): string {
  return (type === "ExportSpecifier" ? local : imported)?.name ?? "default";
}

const rule = {
  create(context: RuleContext) {
    const from = path.relative(src, realpathSync(context.filename)).split(path.sep).join("/");
    if (from.startsWith("..")) {
      return {};
    }
    const say = (node: Node, objection: string | undefined): void => {
      if (objection !== undefined) {
        context.report({ node, message: `${objection} (CONTRIBUTING.md, "The house").` });
      }
    };
    const look = (node: Node): void => {
      const { source, specifiers = [] } = node;
      if (source === undefined || source === null) {
        return;
      }
      const specifier = source.value;
      if (typeof specifier !== "string") {
        say(node, "import() is given a file in quotes, so that it can be seen which");
        return;
      }
      say(node, objectionTo(from, specifier));
      for (const one of specifiers) {
        say(node, objectionToName(from, specifier, nameIn(one)));
      }
    };
    return {
      ImportDeclaration: look,
      ExportNamedDeclaration: look,
      ExportAllDeclaration: look,
      ImportExpression: look,
      TSImportType: look,
      NewExpression: (node: Node) => {
        const isNow = node.callee?.name === "Date" && node.arguments?.length === 0;
        say(node, isNow && pure.test(from) ? "time is an argument of what is pure" : undefined);
      },
    };
  },
};

export default { meta: { name: "house" }, rules: { walls: rule } };
