/**
 * Private keys as text, in the forms that tools give out: multibase, hex, what `goat` and decamp print, settings of a
 * server, JWK, PEM. What is read has to be unambiguous; everything else is named for what it is, and never repeated.
 */
import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { decodeBase58 } from "../data/base58.ts";
import { isJsonObject } from "../data/json-object.ts";
import { DecampError } from "../errors.ts";
import { holdsPrivateKey } from "./key-guard.ts";
import { curves, formatDidKey, type Curve } from "./keys.ts";

/** The multicodec of a private key, as varint bytes. */
export const privateCodecs: Readonly<Record<Curve, readonly [number, number]>> = {
  k256: [0x81, 0x26],
  p256: [0x86, 0x26],
};

/** What a text says. */
export interface KeyText {
  /** The private number, big-endian. */
  readonly scalar: Uint8Array;
  /** The curve, where the text names it. */
  readonly curve?: Curve | undefined;
  /** The public key that the text has beside the private one, as did:key. */
  readonly didKey?: string | undefined;
}

/**
 * Reads the one private key of a text. Empty lines and lines that begin with `#` are passed over.
 *
 * @throws DecampError `key-unusable`; what was read is not repeated in it
 */
export function readKeyText(text: string): KeyText {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const whole = lines.join("\n");
  const stranger = strangers.find(({ sign }) => sign.test(whole));
  if (stranger !== undefined) {
    throw unusable(stranger.message, "To make a key for this, run decamp key generate.");
  }
  const given = lines.filter((line) => !/^(?:export\s+|set\s+)?[A-Za-z_]\w*\s*=$/.test(line));
  const settings = given.map((line) => /^(?:export\s+|set\s+)?([A-Za-z_]\w*)\s*=\s*(\S.*)$/.exec(line));
  if (whole.startsWith("{")) {
    return readJson(whole);
  }
  if (given.length > 0 && settings.every((setting) => setting !== null)) {
    return readSettings(settings.map(([, name = "", value = ""]) => ({ name, value: unquote(value) })));
  }
  return whole.includes("-----BEGIN ") ? readPem(whole) : readLines(lines);
}

/** What people have that is a key, and none for this. */
const strangers: readonly { readonly sign: RegExp; readonly message: string }[] = [
  {
    sign: /^-----BEGIN (?:OPENSSH|SSH2)|^PuTTY-User-Key-File|^(?:ssh|ecdsa-sha2|sk-ssh|sk-ecdsa-sha2)-\S+ AAAA/m,
    message: "This is a key for SSH, and no key of AT Protocol.",
  },
  { sign: /^-----BEGIN PGP/m, message: "This is a key for PGP, and no key of AT Protocol." },
  { sign: /^AGE-SECRET-KEY-/im, message: "This is a key of age, which opens files and signs nothing." },
  {
    sign: /^(?:[a-z]{3,8}\s+){11}(?:(?:[a-z]{3,8}\s+){3}){0,4}[a-z]{3,8}$/,
    message: "These are the words of a wallet, and no key: which one they stand for depends on the wallet.",
  },
];

/** Settings of a server. Of many the one counts that is named as the rotation key. */
function readSettings(settings: readonly { readonly name: string; readonly value: string }[]): KeyText {
  const named = settings.length === 1 ? settings : settings.filter(({ name }) => /ROTATION_KEY/i.test(name));
  const [setting] = named;
  if (setting === undefined || named.length > 1) {
    throw unusable(
      "This text has several settings, and not exactly one that is called a rotation key.",
      "Give only the line of the key.",
    );
  }
  const { name, value } = setting;
  const key = /^(?:-----BEGIN |\{)/.test(value) ? readKeyText(value.replaceAll(String.raw`\n`, "\n")) : readKey(value);
  const curve = /K256|SECP256K1/i.test(name) ? "k256" : /P256|SECP256R1/i.test(name) ? "p256" : undefined;
  return { ...key, curve: key.curve ?? curve };
}

/** A key alone, or what `goat key generate` and `decamp key generate --reveal` print. */
function readLines(lines: readonly string[]): KeyText {
  const keys = lines.flatMap(withoutLabel);
  const publicKeys = keys.filter((key) => key.startsWith("did:key:") && !holdsPrivateKey(key));
  const others = keys.filter((key) => !publicKeys.includes(key));
  const [line] = others;
  if (line === undefined) {
    throw publicKeys.length === 0 ? unusable("There is no key in this text.") : onlyPublic(" (did:key:…)");
  }
  if (others.length > 1 || publicKeys.length > 1) {
    throw unusable("This text has more than one line.", "Give only the line of the private key.");
  }
  return { ...readKey(unquote(line)), didKey: publicKeys[0] };
}

/** What stands behind a label, or in a line without one. `goat` puts the key into the next line. */
function withoutLabel(line: string): string[] {
  if (/^(?:Key Type:|(?:Curve|Kept in|Signs)\s{2})/.test(line)) {
    return [];
  }
  const [, value] =
    /^(?:Secret Key \(Multibase Syntax\):|Public Key \(DID Key Syntax\):|P(?:ublic|rivate) key\s{2})\s*(.*)$/.exec(
      line,
    ) ?? [];
  if (value === undefined) {
    return [line];
  }
  return /^(?:z|did:key:)\S+$/.test(value) ? [value] : [];
}

/** Multibase, which names its curve, or 64 hex digits, which do not. */
function readKey(text: string): KeyText {
  if (/^[0-9a-fA-F]{64}$/.test(text)) {
    return { scalar: Buffer.from(text, "hex") };
  }
  if (text.startsWith("did:key:")) {
    throw holdsPrivateKey(text)
      ? unusable(
          "This is a private key behind did:key:, which is for public keys.",
          "Without did:key: it can be read. If it was shown or sent to anybody like that, it is no longer safe.",
        )
      : onlyPublic(" (did:key:…)");
  }
  if (!text.startsWith("z") || text.length > 128) {
    throw unusable("This is no private key in a form that decamp knows.");
  }
  const bytes = decodeBase58(text.slice(1));
  if (bytes === undefined) {
    throw unusable("This key has a character that base58 does not have: it was copied wrongly.");
  }
  for (const curve of ["k256", "p256"] as const) {
    if (startsWith(bytes, curves[curve].codec)) {
      throw onlyPublic();
    }
    if (startsWith(bytes, privateCodecs[curve])) {
      return { curve, scalar: whole(bytes.subarray(2)) };
    }
  }
  throw unusable("This key is of a kind that AT Protocol does not use; or it was copied wrongly.");
}

function readJson(text: string): KeyText {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unusable("This begins like JSON, and is none: it was not copied whole.");
  }
  if (isJsonObject(value) && value["type"] === "result" && typeof value["privateKey"] === "string") {
    const { privateKey, didKey } = value;
    return { ...readKey(privateKey), didKey: typeof didKey === "string" ? didKey : undefined };
  }
  const keys: unknown = isJsonObject(value) && Array.isArray(value["keys"]) ? value["keys"] : [value];
  const [jwk, more]: readonly unknown[] = Array.isArray(keys) ? keys : [];
  if (more !== undefined) {
    throw unusable("This text has more than one key.", "Give only the rotation key.");
  }
  if (!isJsonObject(jwk) || typeof jwk["kty"] !== "string") {
    throw unusable("This is JSON, but no key (JWK).");
  }
  return readJwk(jwk);
}

function readJwk({ kty, crv, d, x, y }: JsonWebKey): KeyText {
  const curve = kty === "EC" && typeof crv === "string" ? jwkCurves.get(crv) : undefined;
  if (curve === undefined) {
    throw unusable("This key is of a kind that AT Protocol does not use.");
  }
  if (d === undefined) {
    throw onlyPublic();
  }
  const numbers = [d, x, y].map((number) => (number === undefined ? undefined : decodeNumber(number)));
  const [scalar, left, right] = numbers;
  const point = left === undefined || right === undefined ? undefined : Buffer.of(2 + ((right[31] ?? 0) & 1), ...left);
  return {
    scalar: scalar ?? new Uint8Array(),
    curve,
    didKey: point === undefined ? undefined : formatDidKey(curve, point),
  };
}

/** RFC 8812 and RFC 7518; P-256K is how older software calls it. */
const jwkCurves: ReadonlyMap<string, Curve> = new Map([
  ["secp256k1", "k256"],
  ["P-256K", "k256"],
  ["P-256", "p256"],
]);

function decodeNumber(text: unknown): Uint8Array {
  if (typeof text !== "string" || !/^[\w-]*$/.test(text)) {
    throw unusable("A number of this key (JWK) is no base64url: it was copied wrongly.");
  }
  return whole(Buffer.from(text, "base64url"));
}

function readPem(text: string): KeyText {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----.*?-----END \1-----/gs)];
  const keys = blocks.filter(([, label = ""]) => label.endsWith("PRIVATE KEY"));
  const [[block, label] = []] = keys;
  if (block === undefined) {
    throw blocks.some(([, other]) => other === "PUBLIC KEY")
      ? onlyPublic()
      : unusable("This is a PEM text without a private key, or it was not copied whole.");
  }
  if (keys.length > 1) {
    throw unusable("This text has more than one key.", "Give only the rotation key.");
  }
  if (label === "ENCRYPTED PRIVATE KEY" || block.includes("ENCRYPTED")) {
    throw unusable(
      "This PEM key is encrypted, and decamp does not open that.",
      "openssl does, and hands it over: openssl pkey -in FILE | decamp key import - -o rotation-key.age",
    );
  }
  let jwk: JsonWebKey;
  try {
    jwk = createPrivateKey(block).export({ format: "jwk" });
  } catch {
    throw unusable("This PEM key is damaged, or of a kind that AT Protocol does not use.");
  }
  return readJwk(jwk);
}

function startsWith(bytes: Uint8Array, [first, second]: readonly [number, number]): boolean {
  return bytes[0] === first && bytes[1] === second;
}

function whole(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== 32) {
    throw unusable(`This key has ${bytes.length} bytes in place of 32: it was copied wrongly.`);
  }
  return bytes;
}

/** Settings and lists of keys put theirs in quotes. */
function unquote(text: string): string {
  return /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;
}

function onlyPublic(what = ""): DecampError {
  return unusable(`This is a public key${what}, and only the private one can sign.`);
}

function unusable(message: string, hint?: string): DecampError {
  return new DecampError("key-unusable", message, hint === undefined ? {} : { hint });
}
