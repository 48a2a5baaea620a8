/** What lies in every archive for whoever finds it years later, without decamp at hand. */

/** How the text begins, in every version. */
const beginning = "This folder is the archive of an AT Protocol account";

/** Whether a text is one that decamp has written, in this version or another. */
export function isReadme(text: string): boolean {
  return text.startsWith(beginning);
}

export const readmeText: string = `${beginning} (Bluesky, and everything else that speaks
its protocol). It was made by decamp. Everything in it can be read without decamp.

  snapshots/NAME/         the account at one moment; NAME is the revision of the repository
    manifest.json         what is in the snapshot: sizes, SHA-256, counts, and what is missing
    repo.car              all public records, as a CAR file (version 1) of DAG-CBOR blocks; the first
                          root is the commit, which is signed with the account's key
    did.json              the DID document: the account's handle, key and server at that time
    plc-log.json          every signed operation of the identity; proves the key and the server
    preferences.json      PRIVATE: settings that only the owner can see
    account.json          PRIVATE: the e-mail address
  blobs/XX/CID            pictures and videos, shared by all snapshots; XX are the last two letters
                          of the CID. Their media types stand in manifest.json
  held/NAME.json          keeps that snapshot: the account had lost much when the next one was made
  certificate.json        only after a move: the proof of it
  decamp.json             says that this folder is an archive of decamp, and whose

A CID is a checksum. That of a blob: put 01 55 12 20 (hexadecimal) before the SHA-256 of its bytes,
write all that in base32 (RFC 4648, lower case, no padding), and put the letter b in front.

A snapshot without manifest.json is not finished. Files that end in .part are leftovers.
"decamp verify FOLDER" proves the whole of it. decamp puts no key into this folder. Anybody who has it and
the private part of a rotation key that stands in the identity can bring the account back on another server:
"decamp restore FOLDER --to URL --rotation-key-file FILE", with the address of that server.
For a did:web it takes the host that the DID names in place of a key: a new did.json is published there.
`;

/** Why the text is another one where a repository is compressed: an archive without one stays as it always was. */
const packedLine = `    repo.car.zst          or this in its place, the same compressed: "zstd -d repo.car.zst" unpacks it
`;

/**
 * What the file says.
 *
 * @param there the text that is there, if it is one that decamp has written
 * @param isPacked whether the newest repository is compressed
 */
export function readmeFor(there: string, isPacked: boolean): string {
  const place = readmeText.indexOf("    did.json");
  return isPacked || there.includes(packedLine)
    ? `${readmeText.slice(0, place)}${packedLine}${readmeText.slice(place)}`
    : readmeText;
}
