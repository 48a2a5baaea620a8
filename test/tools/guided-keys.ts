/**
 * The guided move as its test and its recording walk it: questions and keys, and what of a screen is the same in every
 * run.
 */
import type { Screen } from "../cli/support/pty.ts";

export interface GuidedKeys {
  /**
   * Types `keys` once the program has said `text`, however its lines were broken. Each text is looked for behind the
   * one before.
   */
  readonly answer: (text: string, keys: string) => Promise<void>;
}

export function guidedKeys(screen: Screen): GuidedKeys {
  return {
    answer: async (text, keys) => {
      await screen.spells(text.replaceAll(/\s/g, ""));
      screen.type(keys);
    },
  };
}

interface World {
  readonly network: {
    readonly a: { readonly url: string };
    readonly b: { readonly url: string };
    readonly plcUrl: string;
  };
  readonly folder: string;
  readonly did: string;
}

/** Finds a text although a prompt may have broken it. */
const broken = (text: string): RegExp =>
  new RegExp(Array.from(text, (one) => one.replace(/\W/, "\\$&")).join("\\n?"), "g");

/** Lines of a screen with what is other in every run replaced. */
export function masked(lines: readonly string[], { network, folder, did }: World): string {
  return lines
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(broken(folder), "FOLDER")
    .replaceAll(/\n?FOLDER/g, " FOLDER")
    .replace(broken(did.replaceAll(":", "-")), "did-plc-ALICE")
    .replace(broken(did), "did:plc:ALICE")
    .replaceAll(broken(network.a.url), "http://old")
    .replaceAll(broken(network.b.url), "http://new")
    .replaceAll(broken(network.plcUrl), "http://plc")
    .replaceAll(new URL(network.a.url).host, "OLD")
    .replaceAll(new URL(network.b.url).host, "NEW")
    .replaceAll(/did:key:z\w+/g, "did:key:KEY")
    .replaceAll(/bafyrei\w+/g, "CID")
    .replaceAll(/[A-Z2-7]{5}-[A-Z2-7]{5}/g, "CODE")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d \(UTC[^)]*\)/g, "TIME")
    .replaceAll(/\d+(?:\.\d+)? [GT]B on the disk/g, "SOME GB on the disk");
}
