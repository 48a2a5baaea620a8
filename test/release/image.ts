/**
 * `npm run image -- [--base IMAGE]`: builds the image of Dockerfile, and has it export, verify and move on real
 * servers. With docker, podman or buildah, whichever is there and works; the last two need no service. Exit code 1 if
 * anything did not hold.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { startNetwork } from "../network/index.ts";
import { hear, must, proveCommand, type Runner } from "./prove-command.ts";

interface Builder {
  readonly build: (name: string, base: readonly string[]) => Promise<unknown>;
  /** A way to run the image, on the network of this machine, and with the folder at its own place. */
  readonly runner: (name: string) => Promise<{ run: Runner; remove: () => Promise<unknown> }>;
}

const root = path.resolve(".");
/** The image's own user, where this one may give files away to it. */
const isRoot = process.getuid?.() === 0;
const user = isRoot ? [] : ["--user", `${process.getuid?.()}:${process.getgid?.()}`];
/** What a mailed code is read with lies in this checkout. */
const folders = (folder: string): string[] => {
  const own = folder === root ? [] : ["-v", `${folder}:${folder}`];
  return [...own, "-v", `${root}:${root}:ro`];
};

function likeDocker(program: string): Builder {
  return {
    build: async (name, base) => must([program, "build", "-t", name, ...base, "."]),
    runner: async (name) =>
      Promise.resolve({
        run: async (args, folder) =>
          hear([program, "run", "--rm", "--network", "host", ...user, ...folders(folder), name, ...args]),
        remove: async () => Promise.resolve(),
      }),
  };
}

/** Without namespaces of its own, so that it also runs inside a container. It knows no entry point. */
const buildah: Builder = {
  build: async (name, base) => must(["buildah", "bud", "--isolation", "chroot", "-t", name, ...base, "."]),
  runner: async (name) => {
    const described = await must(["buildah", "inspect", "--type", "image", name]);
    const { OCIv1 } = JSON.parse(described) as { OCIv1: { config: { Entrypoint: string[] } } };
    const entry = OCIv1.config.Entrypoint;
    const container = (await must(["buildah", "from", name])).trim();
    return {
      run: async (args, folder) => {
        const where = ["--isolation", "chroot", ...user, ...folders(folder)];
        return hear(["buildah", "run", ...where, container, "--", ...entry, ...args]);
      },
      remove: async () => must(["buildah", "rm", container]),
    };
  },
};

const builders: Readonly<Record<string, Builder>> = {
  docker: likeDocker("docker"),
  podman: likeDocker("podman"),
  buildah,
};

const { values } = parseArgs({ options: { base: { type: "string" } } });
const base = values.base === undefined ? [] : ["--build-arg", `BASE=${values.base}`];
const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
const name = `localhost/decamp:${version}`;
let found: [string, Builder] | undefined;
for (const [program, builder] of Object.entries(builders)) {
  // That of docker fails where no service answers it.
  if (found === undefined && (await hear([program, "info"])).code === 0) {
    found = [program, builder];
  }
}
if (found === undefined) {
  console.error(`None of ${Object.keys(builders).join(", ")} works here.`);
  process.exit(1);
}
const [program, builder] = found;
console.log(`Building ${name} with ${program}${values.base === undefined ? "" : ` on ${values.base}`} …`);
await builder.build(name, base);
const container = await builder.runner(name);
const run: Runner = async (args, folder) => {
  if (isRoot && folder !== root) {
    await must(["chown", "-R", "10001:10001", folder]);
  }
  return container.run(args, folder);
};
const said = await run(["--version"], root);
const network = await startNetwork();
try {
  const failed = said.stdout.trim() === version ? [] : [`--version: ${said.stdout}${said.stderr}`];
  failed.push(...(await proveCommand(network, "contained", run)));
  console.log([`${failed.length === 0 ? "ok    " : "FAILED"} ${name}`, ...failed].join("\n  "));
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  await container.remove();
  await network.stop();
}
process.exit();
