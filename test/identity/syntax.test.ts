import { describe, expect, test } from "vitest";
import { isPrivateHost, isPublicAddress, parseServerUrl } from "../../src/identity/addresses.ts";
import { isDid, isHandle, isPlcDid, isReservedHandle, isWebDid, parseAccount } from "../../src/identity/names.ts";

const plc = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

describe("parseAccount", () => {
  test.each([
    ["alice.example.com", "alice.example.com"],
    ["@alice.example.com", "alice.example.com"],
    ["at://alice.example.com", "alice.example.com"],
    ["AT://Alice.Example.COM/", "alice.example.com"],
    ["  alice.example.com\n", "alice.example.com"],
    ["\u202a@alice.example.com\u202c", "alice.example.com"],
    ["xn--ls8h.test", "xn--ls8h.test"],
    ["8.cn", "8.cn"],
  ])("handle %j", (text, handle) => {
    expect(parseAccount(text)).toEqual({ type: "handle", handle });
  });

  test.each([plc, `at://${plc}`, `${plc} `, "did:web:example.com", "did:web:localhost%3A2583"])("DID %j", (text) => {
    expect(parseAccount(text)).toEqual({ type: "did", did: text.replace("at://", "").trim() });
  });

  test.each([
    "",
    "@",
    "alice",
    "alice.",
    ".example.com",
    "alice..example.com",
    "-alice.example.com",
    "alice-.example.com",
    "alice.example.1com",
    "al_ice.example.com",
    "álice.example.com",
    "alice.example.com/app.bsky.feed.post",
    `at://${plc}/app.bsky.feed.post/3k`,
    "https://alice.example.com",
    "did:plc:short",
    "did:plc:EWVI7NXZYOUN6ZHXRHS64OIZ",
    "did:plc:ewvi7nxzyoun6zhxrhs64oi1",
    `${plc}#atproto`,
    "did:web:example.com:path",
    "did:web:example.com%3A8080",
    "did:key:zQ3shbhi3Ecu99Fo6apTVVAzV15RExDaDgoY3mTuQXQsCPGky",
    `${"a".repeat(64)}.example.com`,
    `${"aaaaaaa.".repeat(32)}com`,
  ])("refuses %j", (text) => {
    expect(() => parseAccount(text)).toThrow(expect.objectContaining({ code: "invalid-account" }));
  });
});

test("what the predicates say", () => {
  expect([isDid("did:web:a.example:b%20c"), isDid("did:Plc:abc"), isDid("did:plc:"), isDid("did:x:a:")]).toEqual([
    true,
    false,
    false,
    false,
  ]);
  expect(isDid(`did:x:${"a".repeat(2043)}`)).toBe(false);
  expect([isPlcDid(plc), isPlcDid(`${plc}a`), isPlcDid(`${plc}\n`)]).toEqual([true, false, false]);
  expect([isWebDid("did:web:example.com"), isWebDid("did:web:example"), isWebDid("did:web:1.2.3.4")]).toEqual([
    true,
    false,
    false,
  ]);
  expect([isHandle("alice.test"), isHandle("Alice.test"), isHandle("alice.test\n")]).toEqual([true, false, false]);
  expect(["handle.invalid", "a.local", "a.test", "local.com"].map((text) => isReservedHandle(text))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

describe("parseServerUrl", () => {
  test.each([
    ["https://pds.example.com", "https://pds.example.com"],
    ["https://pds.example.com/", "https://pds.example.com"],
    ["HTTPS://PDS.Example.com:443", "https://pds.example.com"],
    ["https://pds.example.com:8443", "https://pds.example.com:8443"],
    [" https://8.8.8.8 ", "https://8.8.8.8"],
  ])("takes %j", (text, origin) => {
    expect(parseServerUrl(text, { allowPrivateHosts: false })).toBe(origin);
  });

  test.each([
    "pds.example.com",
    "localhost:2583",
    "ftp://pds.example.com",
    "https://",
    "https://user@pds.example.com",
    "https://user:password@pds.example.com",
    "https://@pds.example.com",
    "https://pds.example.com/xrpc",
    "https://pds.example.com//",
    "https://pds.example.com?",
    "https://pds.example.com?a=b",
    "https://pds.example.com#",
    "https:\\\\pds.example.com",
    "https://pds.example.com\\@evil.example",
    "https://pds.example.com:99999",
    "https://pds example.com",
    "javascript:alert(1)",
  ])("refuses %j whatever is allowed", (text) => {
    expect(() => parseServerUrl(text, { allowPrivateHosts: true })).toThrow(
      expect.objectContaining({ code: "invalid-url" }),
    );
  });

  test("does not repeat a password in its message", () => {
    expect(() => parseServerUrl("https://alice:top/s@cret@pds.example.com", { allowPrivateHosts: true })).toThrow(
      '"https://…@pds.example.com"',
    );
  });

  test.each([
    ["http://pds.example.com", "http://pds.example.com"],
    ["http://localhost:2583", "http://localhost:2583"],
    ["https://localhost", "https://localhost"],
    ["https://pds.localhost.", "https://pds.localhost."],
    ["https://127.0.0.1", "https://127.0.0.1"],
    ["https://2130706433", "https://127.0.0.1"],
    ["https://0x7f.1", "https://127.0.0.1"],
    ["https://10.1.2.3", "https://10.1.2.3"],
    ["https://100.64.0.1", "https://100.64.0.1"],
    ["https://169.254.169.254", "https://169.254.169.254"],
    ["https://192.168.0.1:8443", "https://192.168.0.1:8443"],
    ["https://0.0.0.0", "https://0.0.0.0"],
    ["https://[::1]", "https://[::1]"],
    ["https://[::ffff:10.0.0.1]", "https://[::ffff:a00:1]"],
    ["https://[fd00::1]", "https://[fd00::1]"],
    ["https://[fe80::1]", "https://[fe80::1]"],
    ["https://[64:ff9b::a00:1]", "https://[64:ff9b::a00:1]"],
  ])("takes %j only where private hosts are allowed", (text, origin) => {
    expect(parseServerUrl(text, { allowPrivateHosts: true })).toBe(origin);
    expect(() => parseServerUrl(text, { allowPrivateHosts: false })).toThrow(
      expect.objectContaining({ code: "insecure-url" }),
    );
  });
});

test("addresses", () => {
  expect(["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"].map((text) => isPublicAddress(text))).toEqual([
    true,
    true,
    true,
  ]);
  expect(
    ["224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1", "::", "example.com", ""].map(isPublicAddress),
  ).toEqual(Array.from({ length: 7 }, () => false));
  expect([isPrivateHost("[::1]"), isPrivateHost("localhost.example.com"), isPrivateHost("example.com")]).toEqual([
    true,
    false,
    false,
  ]);
});
