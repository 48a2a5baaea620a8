/** What the services are where nobody says anything else, and what can be said. Nothing here talks to anybody. */
import { hostname } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openServices, type OpenOptions, type OpenServices } from "../../src/services/open.ts";

/** Opens them, and closes them again: what they are can be seen all the same. */
function opened(options?: OpenOptions): OpenServices {
  const services = openServices(options);
  services.close();
  return services;
}

test("without a word: the public directory and relay, no private hosts, and who this is", () => {
  const services = opened();
  expect(services.directory.origin).toBe("https://plc.directory");
  expect(services.relay?.host).toBe("bsky.network");
  expect(services.writtenBy).toMatch(/^decamp \d+\.\d+\.\d+/);
  expect(services.lockOwner).toMatchObject({ pid: process.pid, host: hostname() });
  expect(services.openPds("https://pds.example.com").origin).toBe("https://pds.example.com");
  expect(() => services.openPds("http://pds.example.com")).toThrow("not encrypted");
  expect(() => services.openPds("https://127.0.0.1")).toThrow("not on the public internet");
});

test("private hosts are opened where they are allowed, and the public relay is not asked about them", () => {
  const services = opened({ allowPrivateHosts: true, plcUrl: "http://localhost:2582" });
  expect(services.directory.origin).toBe("http://localhost:2582");
  expect(services.openPds("http://127.0.0.1:3000").origin).toBe("http://127.0.0.1:3000");
  expect(services.relay).toBeUndefined();
  const named = opened({ allowPrivateHosts: true, relay: "http://relay.test" });
  expect(named.relay?.host).toBe("relay.test");
});

test("the password of an operator goes by https, or to this machine itself: not into a network, and by no proxy", () => {
  const { openPds } = opened({ allowPrivateHosts: true });
  const opens = (origin: string): boolean => openPds(origin, "a password").isOperators;
  expect(
    ["https://pds.example.com", "http://localhost:3000", "http://127.0.0.1:1", "http://[::1]:1"].every(opens),
  ).toBe(true);
  for (const origin of ["http://pds.example.com", "http://192.168.0.5:3000", "http://localhost.example.com"]) {
    expect(() => openPds(origin, "a password")).toThrow("An admin password does not go to");
    expect(openPds(origin).isOperators).toBe(false);
  }
  const led = opened({ allowPrivateHosts: true, env: { http_proxy: "http://proxy.example.com:3128" } });
  expect(() => led.openPds("http://localhost:3000", "a password")).toThrow("An admin password does not go to");
  expect(led.openPds("https://pds.example.com", "a password").isOperators).toBe(true);
});

test("the addresses of the directory and the relay are judged like any other", () => {
  expect(() => openServices({ plcUrl: "http://plc.example.com" })).toThrow("not encrypted");
  expect(() => openServices({ relay: "https://localhost" })).toThrow("not on the public internet");
});

test("the state folder is the one that is named, or that the environment which is handed over names", () => {
  const state = path.resolve("/somewhere/state");
  expect(opened({ stateDir: state }).stateDir).toBe(state);
  expect(opened({ env: { XDG_STATE_HOME: state } }).stateDir).toBe(path.join(state, "decamp"));
  const before = process.env["XDG_STATE_HOME"];
  process.env["XDG_STATE_HOME"] = state;
  try {
    // The environment of the process is not looked at by itself.
    expect(opened().stateDir).not.toContain(state);
  } finally {
    if (before === undefined) {
      delete process.env["XDG_STATE_HOME"];
    } else {
      process.env["XDG_STATE_HOME"] = before;
    }
  }
});

test("who writes, and what is taken from servers, can be said", () => {
  const { limits } = opened().directory;
  const services = opened({
    writtenBy: "my-tool 1.0",
    ...(limits === undefined ? {} : { limits: { ...limits, attempts: 1 } }),
  });
  expect(services.writtenBy).toBe("my-tool 1.0");
  expect(services.directory.limits?.attempts).toBe(1);
});
