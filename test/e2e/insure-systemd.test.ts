/**
 * What `decamp insure` prints for systemd, and what lies in deploy/systemd, put in place and started by a real systemd,
 * as it stands.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, inject, test } from "vitest";
import { wholeSystem } from "../../src/cli/insure/whole-system.ts";
import { connectNetwork } from "../network/control.ts";
import { addOwnParts, auditLog, changeIdentity } from "../network/identity.ts";
import { putTargets, startSystemd, whyNoSystemd, type OwnSystemd } from "../network/own-systemd.ts";
import { createFilled } from "../network/populate.ts";
import { runDecamp } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));
const root = fileURLToPath(new URL("../..", import.meta.url));
const node = process.env["DECAMP_NODE"] ?? process.execPath;
const scratch = mkdtempSync(path.join(tmpdir(), "decamp-systemd-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A service whose user exists only while it runs sees no home folder, and no `/tmp`. */
const isSeen = [root, node].every((place) => {
  const folders = place.split("/").map((_, index, all) => all.slice(0, index + 1).join("/") || "/");
  return !/^\/(?:home|root|tmp|run\/user)\//.test(place) && folders.every((one) => (statSync(one).mode & 0o005) === 5);
});
const left = (reason: string): string => (reason === "" ? "" : ` (skipped: ${reason})`);

/** A command that has to end well. */
async function type(systemd: OwnSystemd, command: string): Promise<string> {
  const { code, stdout, stderr } = await systemd.run(command);
  expect({ command, code, stderr: code === 0 ? "" : stderr + systemd.heard() }).toEqual({
    command,
    code: 0,
    stderr: "",
  });
  return stdout;
}

function place(folder: string | undefined, name: string, text: string, mode: number): void {
  const at = path.join(folder ?? "", name);
  mkdirSync(path.dirname(at), { recursive: true });
  writeFileSync(at, text);
  chmodSync(at, mode);
}

describe.skipIf(whyNoSystemd !== "")(`the units of a user${left(whyNoSystemd)}`, () => {
  test("are put where they say, installed as it is said, and do what they are for", { timeout: 180_000 }, async () => {
    const account = await createFilled(network.a, "insured-user", { records: 20, blobs: 2, seed: 6 });
    const home = path.join(scratch, `a "home" 100% $x`);
    mkdirSync(home);
    const password = path.join(home, "pass word");
    writeFileSync(password, `${account.password}\n`, { mode: 0o600 });
    const [archive, told] = [path.join(home, "backup"), path.join(home, "told")];
    const config = path.join(home, "my config.toml");
    writeFileSync(config, "");
    const { code, stdout } = await runDecamp(
      [
        "insure",
        account.did,
        "-o",
        archive,
        "--for",
        "systemd",
        "--password-file",
        password,
        "--notify-command",
        `printf '%s 100%% %s\\n' "$DECAMP_FAILED" "$DECAMP_NOTICE" >> '${told}'`,
        "--ping-command",
        `touch '${home}/pinged'`,
        "--plc-url",
        network.plcUrl,
        "--allow-private-hosts",
        "--json",
      ],
      { env: { DECAMP_CONFIG: config } },
    );
    expect(code).toBe(0);
    const { units, install } = JSON.parse(stdout) as {
      units: { path: string; content: string }[];
      install: string[];
    };
    for (const { path: at, content } of units) {
      const place = at.replace("~", home);
      mkdirSync(path.dirname(place), { recursive: true });
      writeFileSync(place, content);
    }
    const short = account.did.replaceAll(":", "-");
    await using systemd = await startSystemd("user", { home });
    // Lingering is a matter of logind, and none runs here.
    expect(install.at(-1)).toBe("loginctl enable-linger");
    for (const command of install.slice(0, -1)) {
      await type(systemd, command);
    }
    const timers = await type(systemd, "systemctl --user list-timers --all --no-legend --full");
    for (const job of ["export", "watch", "check"]) {
      expect(timers).toContain(`decamp-${job}-${short}.timer`);
    }
    await type(systemd, `systemctl --user start decamp-export-${short}.service`);
    expect(existsSync(path.join(archive, "archive.json")) || existsSync(path.join(archive, "snapshots"))).toBe(true);
    expect(existsSync(path.join(home, "pinged"))).toBe(true);
    await type(systemd, `systemctl --user start decamp-watch-${short}.service`);
    const remembered = path.join(home, ".local/state/decamp/insured");
    expect(existsSync(path.join(remembered, `export-${short}`))).toBe(true);
    expect(existsSync(path.join(remembered, `watch-${short}`))).toBe(true);
    // Without a rotation key the account could not come back: the check fails, and somebody is told.
    const checked = await systemd.run(`systemctl --user start decamp-check-${short}.service`);
    expect(checked.code).not.toBe(0);
    await type(systemd, `until [ -s '${told}' ]; do sleep 0.1; done`);
    expect(readFileSync(told, "utf8")).toMatch(
      new RegExp(`^check-${short} 100% check-${short} has failed\\. journalctl .* says why\\.\n$`),
    );
    // The watch tells itself what it has noticed: whose it is, how long there is time, and what undoes it. Once.
    const key = await addOwnParts(network, account);
    await changeIdentity(network, account, (last) => ({
      rotationKeys: last.rotationKeys.filter((one) => one !== key.didKey),
    }));
    const theft = (await auditLog(network.plcUrl, account.did)).at(-1)?.cid ?? "";
    rmSync(told);
    for (const _ of ["theft", "taken"]) {
      await type(systemd, `systemctl --user start decamp-watch-${short}.service`);
    }
    const lines = readFileSync(told, "utf8").trim().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(
      new RegExp(`^watch-${short} 100% ${account.did} .* until .*Z, .*: decamp plc recover ${account.did} .*${theft}`),
    );
  });

  test("try again later where nobody answers, and tell nobody yet", { timeout: 60_000 }, async () => {
    const home = path.join(scratch, "offline");
    const folder = path.join(home, ".config/systemd/user");
    mkdirSync(folder, { recursive: true });
    const told = path.join(home, "told");
    const { stdout } = await runDecamp([
      "insure",
      "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
      "-o",
      path.join(home, "backup"),
      "--for",
      "systemd",
      "--notify-command",
      `echo "$DECAMP_FAILED" > '${told}'`,
      "--plc-url",
      "http://127.0.0.1:1",
      "--allow-private-hosts",
      "--json",
    ]);
    for (const { name, content } of (JSON.parse(stdout) as { units: { name: string; content: string }[] }).units) {
      writeFileSync(path.join(folder, name), content);
    }
    await using systemd = await startSystemd("user", { home });
    const service = "decamp-watch-did-plc-ewvi7nxzyoun6zhxrhs64oiz.service";
    await systemd.run(`systemctl --user start ${service}`);
    const shown = await type(systemd, `systemctl --user show -p SubState -p ExecMainStatus ${service}`);
    expect(shown).toContain("ExecMainStatus=5\n");
    expect(shown).toContain("SubState=auto-restart\n");
    expect(existsSync(told)).toBe(false);
  });
});

const whyNot = whyNoSystemd === "" && !isSeen ? "a service cannot see this clone or Node.js" : whyNoSystemd;

test.skipIf(whyNot !== "")(
  `the units for a whole system back an account up, as a user that exists only meanwhile${left(whyNot)}`,
  { timeout: 120_000 },
  async () => {
    const account = await createFilled(network.a, "insured-system", { records: 20, blobs: 2, seed: 7 });
    const [bin, etc, secrets] = ["bin", "etc", "secrets"].map((name) => path.join(scratch, `system-${name}`));
    [bin, secrets].forEach((folder) => mkdirSync(folder ?? ""));
    // The same decamp, led to the servers of the test.
    const more = `--plc-url ${network.plcUrl} --allow-private-hosts`;
    place(bin, "decamp", `#!/bin/sh\nexec ${node} ${root}/bin/decamp.js "$@" ${more}\n`, 0o755);
    place(secrets, "alice.password", `${account.password}\n`, 0o600);
    putTargets(etc ?? "");
    const { templates, withPassword, afterwards } = wholeSystem;
    const dropIns = [
      withPassword(account.did, "/etc/decamp/alice.password"),
      afterwards(["/bin/sh", "-c", "touch /var/lib/pinged || touch /tmp/x"]),
    ];
    for (const { name, content } of [...templates, ...dropIns]) {
      place(etc, name, content, 0o644);
    }
    await using systemd = await startSystemd("system", {
      home: scratch,
      over: { "/usr/local/bin": bin ?? "", "/etc/systemd/system": etc ?? "", "/etc/decamp": secrets ?? "" },
    });
    const unit = `decamp-export@${account.did}`;
    await type(systemd, `systemctl daemon-reload`);
    await type(systemd, `systemctl enable --now ${unit}.timer`);
    await type(systemd, `systemctl start ${unit}.service`);
    const archive = `/var/lib/decamp/archives/${account.did}`;
    const files = await type(
      systemd,
      `cd ${archive} && find . -name preferences.json && stat -L -c '%a %U' /var/lib/decamp`,
    );
    expect(files).toContain("preferences.json");
    expect(files).not.toContain("root");
    expect(await type(systemd, "systemctl list-timers --all --no-legend --full")).toContain(`${unit}.timer`);
  },
);
