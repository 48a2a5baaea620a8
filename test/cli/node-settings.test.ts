/** What Node.js must not have been told where secrets are at hand, or where servers are asked. */
import { describe, expect, test } from "vitest";
import { KnownSecrets } from "../../src/data/known-secrets.ts";
import { refuseRevealing, refuseUncheckedServers } from "../../src/cli/node-settings.ts";
import { isDecampError } from "../../src/errors.ts";
import { scriptedServer, sendJson } from "../faults/scripted-server.ts";
import { runNode, startScript } from "./support/child.ts";
import { run } from "./support/run.ts";

type Command = Parameters<typeof refuseRevealing>[0];

/** The flag or variable that was refused; undefined if nothing was. */
function refused(env: NodeJS.ProcessEnv, execArgv: string[] = [], command: Command = "migrate"): unknown {
  try {
    refuseRevealing(command, env, { execArgv, isInspected: () => false }, new KnownSecrets());
    return undefined;
  } catch (error) {
    return isDecampError(error, "usage") ? error.data["setting"] : error;
  }
}

describe("what would show secrets", () => {
  test.each([
    ["--inspect", "--inspect"],
    ["--inspect-brk=0.0.0.0:9229", "--inspect-brk"],
    ["--max-old-space-size=512 --inspect-wait", "--inspect-wait"],
    ["--report-on-signal", "--report-on-signal"],
    ["--report_uncaught_exception", "--report-uncaught-exception"],
    ["--heapsnapshot-signal=SIGUSR2", "--heapsnapshot-signal"],
    ["--heapsnapshot-near-heap-limit=3", "--heapsnapshot-near-heap-limit"],
    ["--trace-tls", "--trace-tls"],
    ["--trace-event-categories node.http", "--trace-event-categories"],
    ["--tls-keylog=/tmp/keys", "--tls-keylog"],
    ["--abort-on-uncaught-exception", "--abort-on-uncaught-exception"],
    ["--experimental-default-config-file", "--experimental-default-config-file"],
    ['"--tls-keylog=/tmp/my keys"', "--tls-keylog"],
    ['--require "/a \\"b/c.js" --inspect', "--inspect"],
  ])("NODE_OPTIONS=%s", (options, flag) => {
    expect(refused({ NODE_OPTIONS: options })).toBe(flag);
  });

  test("on the command line of Node.js", () => {
    expect(refused({}, ["--no-warnings", "--inspect=1"])).toBe("--inspect");
  });

  test("a debugger that is there already, before the first secret, and again before the next try", () => {
    const secrets = new KnownSecrets();
    const settings = { execArgv: [], isInspected: () => true };
    refuseRevealing("key generate", {}, settings, secrets);
    const isRefused = expect.objectContaining({ code: "usage", exitCode: 2 });
    expect(() => secrets.expect()).toThrow(isRefused);
    expect(() => secrets.add("hunter2!")).toThrow(isRefused);
    expect(() => refuseRevealing("verify", { ATP_PASSWORD: "x" }, settings, new KnownSecrets())).toThrow(isRefused);
  });

  test("a debugger is looked for once, where there is none", () => {
    const secrets = new KnownSecrets();
    let asked = 0;
    const settings = { execArgv: [], isInspected: () => (asked += 1) > 1 };
    refuseRevealing("key generate", {}, settings, secrets);
    expect(asked).toBe(0);
    expect(secrets.add("hunter2!").add("hunter3!").redact("hunter2! hunter3!")).toBe("[secret] [secret]");
    expect(asked).toBe(1);
  });

  test("a process that can be debugged takes no secret", async () => {
    const open = `data:text/javascript,import{open}from"node:inspector";open(0)`;
    const args = ["--import", open, startScript, "key", "generate", "-o", "/nowhere/key", "--no-input"];
    const { code, stdout, stderr } = await runNode(args, { DECAMP_PASSPHRASE: "long enough to do" });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Error: A debugger can connect to this process, and would see all secrets.");
  });

  test.each(["NODE_DEBUG", "NODE_DEBUG_NATIVE"])("%s", (name) => {
    expect(refused({ [name]: "http" })).toBe(name);
    expect(refused({ [name]: "" })).toBeUndefined();
  });

  test("also where the command needs no secret, but the environment has one", () => {
    expect(refused({ NODE_DEBUG: "http" }, [], "repo ls")).toBeUndefined();
    expect(refused({ NODE_DEBUG: "http", ATP_PASSWORD: "x" }, [], "repo ls")).toBe("NODE_DEBUG");
  });

  test.each([
    "--max-old-space-size=4096 --import=/x/hook.mjs",
    "--require ./x.cjs --cpu-prof --heap-prof --inspect-port=9230",
    "--trace-warnings --trace-uncaught --trace-exit --expose-gc",
    '--require "/a --inspect b.js"',
    "--use-system-ca --tls-cipher-list=x",
  ])("%s is harmless", (options) => {
    expect(refused({ NODE_OPTIONS: options, NODE_EXTRA_CA_CERTS: "/x.pem" })).toBeUndefined();
  });

  test("a process that was started so says it, and asks for nothing", async () => {
    const args = [startScript, "key", "generate", "-o", "/nowhere/key", "--no-input"];
    const { code, stdout, stderr } = await runNode(["--report-on-signal", ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(
      /^Error: Started with --report-on-signal, .*\nHint: Start decamp without --report-on-signal\.\n$/,
    );
  });
});

describe("NODE_TLS_REJECT_UNAUTHORIZED=0", () => {
  test("is refused before anything is sent, by a command that asks servers", async () => {
    await using server = await scriptedServer((_, response) => sendJson(response, 200, []));
    const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
    const where = ["--plc-url", server.origin, "--allow-private-hosts"];
    const commands = [
      ["plc", "history", did],
      ["plc", "audit", did],
      ["export", did, "-o", "/nowhere/archive"],
      ["migrate", did, "--to", server.origin],
      ["migrate", "status", did],
      ["migrate", "cancel", did],
      ["plc", "recover", did],
      ["plc", "add-key", did, "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"],
    ];
    for (const command of commands) {
      const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
      const { exitCode, stderr } = await run([...command, ...where], { env });
      expect({ command, exitCode, stderr }).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining("NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment") as string,
      });
    }
    expect(server.requests).toEqual([]);
  });

  test("another value is none, and what stays on this machine does not look at it", async () => {
    expect(() => refuseUncheckedServers({ NODE_TLS_REJECT_UNAUTHORIZED: "1" })).not.toThrow();
    const { stderr } = await run(["repo", "ls", "/nowhere"], { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });
    expect(stderr).toContain("/nowhere");
    expect(stderr).not.toContain("NODE_TLS");
  });
});
