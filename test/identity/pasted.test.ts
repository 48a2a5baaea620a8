/** Names of accounts as people paste them: what can mean nothing else is read, and the rest is spelled out. */
import { describe, expect, test } from "vitest";
import { parseAccount } from "../../src/identity/names.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

describe("is read as alice.example.com", () => {
  test.each([
    "https://bsky.app/profile/alice.example.com",
    "https://bsky.app/profile/alice.example.com/",
    "HTTPS://bsky.app/profile/Alice.Example.com?ref=share#top",
    "http://localhost:3000/profile/alice.example.com",
    "bsky.app/profile/alice.example.com",
    "https://deer.social/profile/@alice.example.com",
    "https://tangled.org/@alice.example.com",
    "https://tangled.org/%40alice.example.com",
    "https://pdsls.dev/at://alice.example.com",
    "https://atp.example/at/alice.example.com",
    "alice.example.com.",
    "@alice.example.com...",
    "\u200ealice.example.com\u200e",
    "\u202balice.example.com\u202c",
    "\ufeff@alice.example.com",
    "alice\u200b.example\u2060.com",
    "ali\u00adce.example.com",
    "\u2066@alice.example.com\u2069",
    "\u00a0alice.example.com\u3000",
    "＠alice．example．com",
    "ａｌｉｃｅ.example.com",
    "alice。example。com",
    "at：／／alice.example.com",
  ])("%j", (text) => {
    expect(parseAccount(text)).toEqual({ type: "handle", handle: "alice.example.com" });
  });
});

describe("is read as the DID", () => {
  test.each([
    `at://${did}/`,
    `https://bsky.app/profile/${did}`,
    `https://bsky.app/profile/${encodeURIComponent(did)}`,
    `https://plc.directory/${did}`,
    `https://web.plc.directory/did/${did}`,
    `https://pdsls.dev/at://${did}`,
    `${did}.`,
    `did：plc：${did.slice(8)}`,
    `\u200b${did}\ufeff`,
  ])("%j", (text) => {
    expect(parseAccount(text)).toEqual({ type: "did", did });
  });
});

test("a hyphen that does not break a line is a hyphen", () => {
  expect(parseAccount("al\u2011ice.example.com")).toEqual({ type: "handle", handle: "al-ice.example.com" });
});

const plainLetters = "a name has only letters from a to z, digits, hyphens and dots.";
const alone = "An account is named by its handle or DID alone, or by the address of its profile.";

describe("could mean something else, and is refused with what was seen", () => {
  test.each([
    // Cyrillic а; an underscore; a letter with a mark of its own; a space in the middle.
    ["\u0430lice.example.com", `It has "\u0430" (U+0430); ${plainLetters}`],
    ["al_ice.example.com", `It has "_" (U+005F); ${plainLetters}`],
    ["a\u0301lice.example.com", `It has U+0301; ${plainLetters}`],
    ["alice. example.com", `It has a space; ${plainLetters}`],
    ["абвгде.example.com", `"д" (U+0434), and more; ${plainLetters}`],
    ["alice\u2024example.com", `It has "\u2024" (U+2024); ${plainLetters}`],
    // Shown from right to left, the name looks like another one.
    ["\u202emoc.elpmaxe.ecila", `It has U+202E; ${plainLetters}`],
    ["alice\u202e.example.com", `It has U+202E; ${plainLetters}`],
    ["alice\u200f.example.com", `It has U+200F; ${plainLetters}`],
    // Servers, records and files are no accounts.
    ["https://alice.example.com", alone],
    ["https://bsky.app/profile/alice.example.com/post/3kq2zzzzzzz2a", alone],
    ["https://example.com/readme.md", alone],
    ["https://user@bsky.app/profile/alice.example.com", alone],
    ["backup/alice.example.com", alone],
    [`at://${did}/app.bsky.feed.post/3k`, "It has not the form of one."],
    ["https://bsky.app/profile/alice", "This is neither a handle nor a DID"],
    ["https://bsky.app/profile/%zz", "This is neither a handle nor a DID"],
    ["@@alice.example.com", "This is neither a handle nor a DID"],
    ["\u200b", 'This is neither a handle nor a DID: "\u200b".'],
  ])("%j", (text, message) => {
    expect(() => parseAccount(text)).toThrow(
      expect.objectContaining({ code: "invalid-account", message: expect.stringContaining(message) as string }),
    );
  });
});
