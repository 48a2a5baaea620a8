/** Words that `decamp help WORD` explains, as the section Words of the README does; that one has more of them. */

/** Word → what it means. */
export const words: Readonly<Record<string, string>> = {
  account:
    "What you have at a server: posts, likes, follows, pictures, settings, and the name by which others find you.",
  "app password":
    "A further password that a server gives out for apps. It may not move an account, or change an identity.",
  appview: "The server from which an app takes what it shows you: profiles, posts, who follows whom.",
  blob: "A picture, a video, or another file that a record refers to.",
  cid: "The checksum that names a record, a blob or an operation: what is changed has another one.",
  did: "The name of an account that never changes. A handle leads to it. Of a did:plc a directory keeps the log; a did:web is a document on a web server of your own.",
  handle: "The name that people see and type, such as alice.example.com. You can change it; the DID stays.",
  identity: "The DID, and what the world knows of it: which server, which handle, which keys.",
  passphrase: "A long password that opens a file.",
  pds: "Personal data server: the server on which an account lives.",
  record: "One post, like, follow, list, or the like.",
  relay: "A server that collects what is new at all servers, and passes it on to the apps.",
  repository: "All records of an account, which its server signs.",
  tombstone:
    "An operation that ends an identity for good. For 72 hours a rotation key that stood above the one that signed it can undo it, with decamp plc recover.",
  "signing key": "The key with which a server signs the repository. It cannot change the identity.",
};

/** What a word means, in one or two sentences; undefined if it is not one of these few. */
export function meaningOf(word: string): string | undefined {
  const plain = word.toLowerCase().replaceAll(/[-_ ]+/g, " ");
  return [plain, plain.replace(/s$/, "")]
    .map((one) => (Object.hasOwn(words, one) ? words[one] : undefined))
    .find(Boolean);
}
