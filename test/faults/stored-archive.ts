/** What lies in an archive, looked at without decamp's own code where that is what is tested. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { CID } from "multiformats/cid";
import type { Manifest } from "../../src/archive/manifest.ts";

/**
 * The files in an archive by their path, with the SHA-256 of what is in them; of a manifest what does not depend on
 * when and where. A run that is killed when all is done leaves its lock, and the next one has nothing to write and so
 * takes none: not before there is something new is it taken over.
 */
export async function contentOf(archive: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const name of (await filesIn(archive)).filter((one) => one !== "lock")) {
    const bytes = await readFile(path.join(archive, name));
    content[name] = sha256(path.basename(name) === "manifest.json" ? Buffer.from(lasting(bytes)) : bytes);
  }
  return content;
}

/** What of an archive is under its final name and not what that says: nothing, whatever has happened. */
export async function wrongIn(archive: string): Promise<string[]> {
  const wrong: string[] = [];
  const names = await filesIn(archive);
  for (const name of names) {
    const bytes = await readFile(path.join(archive, name));
    const base = path.basename(name);
    if (name.startsWith("blobs/") && !base.endsWith(".part")) {
      const digest = Buffer.from(CID.parse(base).multihash.digest).toString("hex");
      if (digest !== sha256(bytes)) {
        wrong.push(`${name} has other bytes`);
      }
    } else if (base === "manifest.json") {
      const { snapshot, files, blobs } = JSON.parse(bytes.toString("utf8")) as Manifest;
      for (const [file, { size, sha256: expected }] of Object.entries(files)) {
        const there = await readFile(path.join(archive, "snapshots", snapshot, file)).catch(() => Buffer.alloc(0));
        if (there.length !== size || sha256(there) !== expected) {
          wrong.push(`${snapshot}/${file} is not what the manifest says`);
        }
      }
      wrong.push(
        ...blobs
          .filter(({ cid }) => !names.includes(`blobs/${cid.slice(-2)}/${cid}`))
          .map(({ cid }) => `${cid} is in the manifest of ${snapshot}, and not there`),
      );
    }
  }
  return wrong;
}

/** Paths of all files, with `/`, sorted; none of a folder that is not there. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"))
    .sort();
}

function lasting(manifest: Uint8Array): string {
  const {
    createdAt: _at,
    updatedAt: _later,
    source: _from,
    ...rest
  } = JSON.parse(Buffer.from(manifest).toString("utf8")) as Manifest;
  return JSON.stringify(rest);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
