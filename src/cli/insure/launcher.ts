/** How a timer starts decamp months from now: by paths that an update of Node.js leaves where they are. */

/** How this process was started, and how links are followed. */
export interface Started {
  /** The program that runs: Node.js, or decamp and Node.js in one file. */
  readonly program: string;
  /** The script that it runs; none where all is one file. */
  readonly script: string | undefined;
  /** The folders in which the shell looks for programs. */
  readonly folders: readonly string[];
  /** The path behind all links; undefined where there is nothing. */
  readonly follow: (path: string) => string | undefined;
}

export interface Launcher {
  readonly words: readonly string[];
  /** A path of them that an update is likely to remove, if there is one. */
  readonly passing?: string;
}

/**
 * Folders whose names have a version in them, as of nvm and Homebrew, or the number of a revision, as of snap; those of
 * Nix and Guix, which go when nothing current needs them; and those that are made for one run, as by fnm and npx.
 */
const passing =
  /^\/(?:nix|gnu)\/store\/|^\/snap\/[^/]+\/x?[0-9]+\/|\/(?:v?[0-9]+\.[0-9]+\.[0-9]+[^/]*|fnm_multishells|_npx|dlx(?:-[^/]*)?)\//;

export function findLauncher({ program, script, folders, follow }: Started): Launcher {
  const lasting = (path: string, name: string): string => {
    const behind = follow(path);
    const links = folders.map((folder) => `${folder.replace(/\/+$/, "")}/${name}`);
    return !passing.test(path)
      ? path
      : (links.find((link) => !passing.test(link) && behind !== undefined && follow(link) === behind) ?? path);
  };
  const words =
    script === undefined ? [lasting(program, "decamp")] : [lasting(program, "node"), lasting(script, "decamp")];
  const bad = words.find((word) => passing.test(word));
  return { words, ...(bad === undefined ? {} : { passing: bad }) };
}
