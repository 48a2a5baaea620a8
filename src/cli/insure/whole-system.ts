/**
 * The nightly export as units of systemd for a whole system and any number of accounts: one template, in which the
 * account stands behind the @, and what can be added to it; and one for all accounts of a server, of which the host
 * stands there. They lie in `deploy/systemd` and in `docs/SCRIPTING.md`; `npm run units` writes both.
 */
import { jobsOf, type Insurance, type Unit } from "./jobs.ts";
import { commandOf, credential, loadCredential, retrying, timerLines, triesOf } from "./systemd.ts";

const folder = "/etc/systemd/system";

/** `%i` is what stands behind the @, `%S` the folder of states (systemd.unit(5)). */
const account = "%i";
const archive = "%S/decamp/archives/%i";
const state = "%S/decamp/state";

/** Of a server; `%i` is its host. */
const serverArchives = "%S/decamp/servers/%i";
const serverUrl = "https://%i";

const serverWords = ["export", "--all", "--pds", serverUrl, "--output", serverArchives, "--no-input", "--quiet"];

const forAny: Insurance = {
  account,
  archive,
  launcher: ["/usr/local/bin/decamp"],
  complete: (words) => [...words, "--state-dir", state],
};

/** What the service may not do: it needs the network and its own folder. */
const confined: readonly string[] = [
  "User=decamp",
  "DynamicUser=yes",
  "StateDirectory=decamp",
  "StateDirectoryMode=0700",
  "UMask=0077",
  "ProtectHome=yes",
  "PrivateDevices=yes",
  "CapabilityBoundingSet=",
  "NoNewPrivileges=yes",
  "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
  "SystemCallArchitectures=native",
  "LockPersonality=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "RestrictNamespaces=yes",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectControlGroups=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "Nice=10",
];

/** The service and its timer, and what an administrator may put beside them. */
export interface WholeSystem {
  readonly templates: readonly Unit[];
  /** The same for all accounts of a server. */
  readonly serverTemplates: readonly Unit[];
  /** @param name of one account. @param passwordFile a whole path */
  readonly withPassword: (name: string, passwordFile: string) => Unit;
  /** What is done after an export that was complete. @param ping a command, word by word */
  readonly afterwards: (ping: readonly string[]) => Unit;
}

export const wholeSystem: WholeSystem = {
  templates: [
    unit("decamp-export@.service", [
      "# Brings the archive of one account up to date: the one behind the @, a handle or a DID.",
      "[Unit]",
      "Description=decamp export of %i",
      "Wants=network-online.target",
      "After=network-online.target",
      ...triesOf("export"),
      "",
      "[Service]",
      "Type=oneshot",
      `ExecStart=${line(commands(undefined)[0])}`,
      ...retrying,
      ...confined,
    ]),
    unit("decamp-export@.timer", timerLines("export", "decamp export of %i, every night")),
  ],
  serverTemplates: [
    unit("decamp-server@.service", [
      "# Brings the archives of all accounts of one server up to date: the one whose host stands behind the @.",
      "[Unit]",
      "Description=decamp export of all accounts of %i",
      "Wants=network-online.target",
      "After=network-online.target",
      ...triesOf("export"),
      "",
      "[Service]",
      "Type=oneshot",
      `ExecStart=${line([...forAny.launcher, ...forAny.complete(serverWords)])}`,
      ...retrying.filter((setting) => !setting.startsWith("TimeoutStartSec=")),
      "# The first export of a large server takes as long as it takes. Stopped, it finishes the writing at hand.",
      "TimeoutStartSec=infinity",
      ...confined,
    ]),
    unit("decamp-server@.timer", timerLines("export", "decamp export of all accounts of %i, every night")),
    unit("decamp-prune@.service", [
      "# Removes old snapshots of all archives of one server, of which the host stands behind the @, and the blobs that only",
      "# they needed. Who is not on the server any more keeps the archive: archive prune --gone is for a person.",
      "[Unit]",
      "Description=decamp prune of the archives of %i",
      "# Not beside an export: a night that lasts until then comes to its end first.",
      "After=decamp-server@%i.service",
      ...triesOf("prune"),
      "",
      "[Service]",
      "Type=oneshot",
      `ExecStart=${line(serverPrune())}`,
      ...retrying,
      ...confined,
    ]),
    unit("decamp-prune@.timer", timerLines("prune", "decamp prune of the archives of %i, every day")),
  ],
  withPassword: (name, passwordFile) =>
    unit(`decamp-export@${name}.service.d/password.conf`, [
      "[Service]",
      loadCredential(passwordFile),
      "ExecStart=",
      `ExecStart=${line(commands(credential)[0])}`,
    ]),
  afterwards: (ping) =>
    unit(
      "decamp-export@.service.d/after.conf",
      ["[Service]"].concat([...commands(undefined).slice(1), ping].map((words) => `ExecStartPost=${line(words)}`)),
    ),
};

function commands(passwordFile: string | undefined): readonly (readonly string[])[] {
  return jobsOf(forAny, { passwordFile }).find(({ id }) => id === "export")?.commands ?? [];
}

/** What is done behind the export of one account, for all archives of a server. */
function serverPrune(): readonly string[] {
  const [, prune = []] = commands(undefined);
  return prune.map((word) => (word === archive ? serverArchives : word));
}

function line(words: readonly string[] = []): string {
  return commandOf(words, [account, archive, state, credential, serverUrl, serverArchives]);
}

/** Its first line says where it belongs. */
function unit(name: string, lines: readonly string[]): Unit {
  const path = `${folder}/${name}`;
  return { name, path, content: `${[`# ${path}`, ...lines].join("\n")}\n` };
}
