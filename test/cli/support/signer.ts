/**
 * A program that signs what stands on its standard input, as a token or a key service does. Arguments: a file with the
 * private key in hex, what it prints, and for some a file that it makes.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { Secp256k1Keypair } from "@atproto/crypto";
import { inDer, withHighS } from "../../tools/plc.ts";

const [keyFile = "", form = "", mark = ""] = process.argv.slice(2);
const bytes = (text: string): Buffer => Buffer.from(text, "base64url");

/** What it prints, from the signature in base64url. */
const forms: Record<string, (sig: string) => string | Buffer> = {
  raw: (sig) => bytes(sig),
  hex: (sig) => `${bytes(sig).toString("hex")}\n`,
  der: (sig) => bytes(inDer(sig)),
  "high-s der base64": (sig) => `${bytes(inDer(withHighS(sig, "k256"))).toString("base64")}\n`,
  words: () => "the token says: precious-output\n",
};

const pair = await Secp256k1Keypair.import(readFileSync(keyFile, "utf8").trim());
const data = await buffer(process.stdin);
if (form === "fails") {
  process.stdout.write("precious-output");
  process.exitCode = 3;
} else if (form === "hangs") {
  writeFileSync(mark, "");
  // Longer than the test waits, and not for ever: whoever outlives us holds our stderr.
  setTimeout(() => undefined, 3_000);
} else {
  const sig = Buffer.from(await pair.sign(data)).toString("base64url");
  if (mark !== "") {
    const environment = Object.keys(process.env);
    writeFileSync(mark, JSON.stringify({ sha256: createHash("sha256").update(data).digest("hex"), environment }));
  }
  process.stdout.write(forms[form]?.(sig) ?? "");
}
