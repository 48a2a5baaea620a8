/**
 * The files of deploy/: what they run is a command line that decamp takes, their exit codes are those of the code, and
 * they give a container no more than the image needs.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readArguments } from "../../src/cli/program.ts";
import { secretKinds } from "../../src/cli/secret-kinds.ts";
import { retrying } from "../../src/cli/insure/systemd.ts";
import { commandOfIndex, exportJob, judge, type IndexedJob } from "../tools/indexed-job.ts";
import { linesOf, readDockerfile } from "../release/dockerfile.ts";

const root = path.resolve(".");
const read = (file: string): string => readFileSync(path.join(root, "deploy", file), "utf8");
const channel = { width: 80, text: () => undefined };

/** What the code of a command receives. @throws where decamp does not take the words */
async function received(words: readonly string[]) {
  const ready = readArguments(words, { out: channel, err: channel });
  if (!("received" in ready)) {
    throw new Error(`${words.join(" ")} runs nothing`);
  }
  const { command, args, flags, globals } = await ready.received(() => undefined);
  return { command, args, flags: flags as Record<string, unknown>, globals: globals as Record<string, unknown> };
}

/** Exit codes as src/errors.ts has them, and that of a bug. */
const codes: ReadonlySet<number> = new Set([
  1,
  ...Array.from(
    (/const exitCodes[^{]*\{([^}]*)\}/.exec(readFileSync("src/errors.ts", "utf8"))?.[1] ?? "").matchAll(/: (\d+),/g),
    ([, code]) => Number(code),
  ),
]);
const killed = 137;

const job = exportJob();

test("each part of the Job exports its shard of all accounts, and all parts together are all", async () => {
  expect(job.completionMode).toBe("Indexed");
  const shards = await Promise.all(
    Array.from({ length: job.completions }, async (_, index) => {
      const { command, args, flags, globals } = await received(commandOfIndex(job, index));
      expect({ command, args, flags, globals }).toMatchObject({
        command: "export",
        args: [],
        flags: { all: true, pds: "https://pds.example.com", output: "/data/archives" },
        globals: { quiet: true, input: false, stateDir: "/data/state" },
      });
      return flags["shard"];
    }),
  );
  expect(shards).toEqual(Array.from({ length: job.completions }, (_, index) => ({ index, count: job.completions })));
});

test("every exit code has its rule, and what systemd does not try again, the Job does not either", () => {
  expect(codes.size).toBeGreaterThan(10);
  const rules = job.podFailurePolicy.rules.flatMap(({ action, onExitCodes }) =>
    (onExitCodes?.values ?? []).map((code) => [code, action] as const),
  );
  expect(rules.map(([code]) => code).sort((a, b) => a - b)).toEqual([...codes, killed].sort((a, b) => a - b));
  const [, lasting = ""] = /^RestartPreventExitStatus=(.*)$/m.exec(retrying.join("\n")) ?? [];
  expect(rules.filter(([, action]) => action === "FailIndex").map(([code]) => String(code))).toEqual(
    lasting.split(" "),
  );
  expect([5, 11, killed, 6].map((code) => judge(job, code))).toEqual(["Count", "Count", "Count", "FailIndex"]);
  // Rules are looked at in their order, and an eviction comes with some exit code.
  expect(job.podFailurePolicy.rules[0]).toEqual({
    action: "Ignore",
    onPodConditions: [{ type: "DisruptionTarget", status: "True" }],
  });
  const { containers, restartPolicy } = job.template.spec;
  expect(restartPolicy).toBe("Never");
  expect(job.podFailurePolicy.rules.slice(1).map(({ onExitCodes }) => onExitCodes?.containerName)).toEqual(
    Array.from({ length: 2 }, () => containers[0]?.name),
  );
});

test("a part is tried for longer than the lock of a pod is left alone that was killed; a part stops no other", () => {
  // 10 s, doubled each time, and 10 minutes at the most: so the controller of 1.37 waits.
  const waits = Array.from({ length: job.backoffLimitPerIndex }, (_, failures) => Math.min(600, 10 * 2 ** failures));
  expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThanOrEqual(30 * 60);
  expect(job.maxFailedIndexes).toBe(job.completions);
  expect(job.podReplacementPolicy).toBe("Failed");
});

interface PodSpec {
  securityContext: Record<string, unknown>;
  automountServiceAccountToken: boolean;
  containers: {
    args: string[];
    securityContext: unknown;
    volumeMounts: { mountPath: string; readOnly?: boolean; name: string }[];
  }[];
  volumes: { name: string; persistentVolumeClaim?: { claimName: string } }[];
}

/** Decamp's words in the pod of a file. */
function wordsOf(file: string): string[] {
  return [...(pods.find((one) => one.file === file)?.pod?.containers[0]?.args ?? [])];
}

const pods = readdirSync(path.join(root, "deploy/kubernetes")).flatMap((file) => {
  const { kind, metadata, spec } = parse(read(`kubernetes/${file}`)) as {
    kind: string;
    metadata: { name: string };
    spec: { jobTemplate?: { spec: { template: { spec: PodSpec } } } };
  };
  return [{ file, kind, name: metadata.name, pod: spec.jobTemplate?.spec.template.spec }];
});
const { stages } = readDockerfile();
const [user, group] = (linesOf(stages.at(-1), "USER")[0] ?? "").split(":").map(Number);

test.each(pods.flatMap(({ file, pod }) => (pod === undefined ? [] : [[file, pod] as const])))(
  "%s runs as the image does, may change nothing but its volumes, and names volumes that are there",
  async (_, pod) => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: user, runAsGroup: group });
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.containers).toHaveLength(1);
    const [container] = pod.containers;
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const mounts = container?.volumeMounts ?? [];
    expect(mounts.map(({ name }) => name).sort()).toEqual(pod.volumes.map(({ name }) => name).sort());
    const claims = pods.filter(({ kind }) => kind === "PersistentVolumeClaim").map(({ name }) => name);
    const named = pod.volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
    expect(claims).toEqual(named);
    const words = (container?.args ?? []).map((word) => word.replace("$(JOB_COMPLETION_INDEX)", "0"));
    const { command, args, flags, globals } = await received(words);
    const isUnder = (place: unknown, writable: boolean): boolean =>
      mounts.some(
        ({ mountPath, readOnly = false }) => String(place).startsWith(`${mountPath}/`) && !(writable && readOnly),
      );
    expect(isUnder(flags["output"] ?? args[0], command !== "verify")).toBe(true);
    expect(isUnder(globals["stateDir"], true)).toBe(true);
  },
);

interface Service {
  user: string;
  entrypoint?: string[];
  command: string[];
  read_only: boolean;
  cap_drop: string[];
  volumes: (string | { type: string; source: string; target: string; volume: object })[];
  image: string;
  build?: string;
  logging: unknown;
}
const { services } = parse(read("compose/compose.yaml"), { merge: true }) as { services: Record<string, Service> };

test("the compose file exports with the flags of the Job, but for the part, and watches what is exported", async () => {
  const [nightly, watch] = [services["export"], services["watch"]];
  expect(await received(nightly?.command ?? [])).toEqual(
    await received(commandOfIndex(job, 0).filter((word, at, all) => word !== "--shard" && all[at - 1] !== "--shard")),
  );
  const entry = JSON.parse(linesOf(stages.at(-1), "ENTRYPOINT")[0] ?? "[]") as string[];
  expect(nightly?.entrypoint).toEqual(["/bin/sh", "/nightly.sh", expect.stringMatching(/^\d\d:\d\d$/), ...entry]);
  expect(watch?.entrypoint).toBeUndefined();
  const { command, flags } = await received(watch?.command ?? []);
  expect({ command, archives: flags["archives"] }).toEqual({ command: "plc watch", archives: "/data/archives" });
  for (const service of [nightly, watch]) {
    expect(service).toMatchObject({ user: `${user}:${group}`, read_only: true, cap_drop: ["ALL"] });
  }
});

test("the services have one image, and one of them gives the volume its owner", () => {
  const all = Object.entries(services);
  expect(new Set(all.map(([, { image }]) => image)).size).toBe(1);
  // Where two are built under one name, every `up` starts those anew that have not the last one.
  expect(all.flatMap(([name, { build }]) => (build === undefined ? [] : [[name, build]]))).toEqual([
    ["export", "../.."],
  ]);
  // Containers are made at the same time. Of two that fill a new volume from the image, docker fails one now and then.
  const other = { type: "volume", source: "archives", target: "/data", volume: { nocopy: true } };
  expect(Object.fromEntries(all.map(([name, { volumes }]) => [name, volumes[0]]))).toEqual({
    export: "archives:/data",
    prune: other,
    watch: other,
  });
});

test("logs have a limit, and a driver that docker and podman both know", () => {
  for (const { logging } of Object.values(services)) {
    expect(logging).toEqual({ driver: "json-file", options: { "max-size": "10m", "max-file": "3" } });
  }
});

test("the admin password takes one place: a Secret in Kubernetes, two lines in the compose file", async () => {
  const [container] = job.template.spec.containers;
  expect(container?.env).toEqual([
    {
      name: secretKinds.adminPassword.env[0],
      valueFrom: { secretKeyRef: { name: "decamp", key: "admin-password", optional: true } },
    },
  ]);
  const text = read("kubernetes/export.yaml");
  expect(text).toContain("kubectl create secret generic decamp --from-file=admin-password=/dev/stdin");
  const [plain, open] = await Promise.all(
    [read("compose/compose.yaml"), read("compose/compose.yaml").replaceAll(/# (?=- )/g, "")].map(async (compose) => {
      const service = (parse(compose, { merge: true }) as { services: typeof services }).services["export"];
      expect(service?.volumes).toContain("./secrets:/secrets:ro");
      return received(service?.command ?? []);
    }),
  );
  expect(open).toEqual({ ...plain, flags: { ...plain?.flags, adminPasswordFile: "/secrets/admin.password" } });
});

test("the units for a whole server take the flags of the Job, but for the part", async () => {
  const unit = read("systemd/decamp-server@.service");
  const [, line = ""] = /^ExecStart=\/usr\/local\/bin\/decamp (.*)$/m.exec(unit) ?? [];
  const words = line.replaceAll("%i", "pds.example.com").replaceAll("%S", "/var/lib").split(" ");
  const { flags } = await received(commandOfIndex(job, 0));
  const { shard: _, ...whole } = flags;
  expect((await received(words)).flags).toEqual({ ...whole, output: "/var/lib/decamp/servers/pds.example.com" });
});

async function asked(words: readonly string[]): Promise<unknown> {
  const { command, args, flags, globals } = await received(words);
  return { command, args, flags, quiet: globals["quiet"] };
}

test("old snapshots go by the same rules everywhere, after the night; who is gone stays", async () => {
  const [, line = ""] = /^ExecStart=\/usr\/local\/bin\/decamp (.*)$/m.exec(read("systemd/decamp-prune@.service")) ?? [];
  const unit = line.replace("%S/decamp/servers/%i", "/data/archives").split(" ");
  const flags = { keepDaily: 7, keepWeekly: 5, keepMonthly: 12 };
  const all = await Promise.all([unit, wordsOf("prune.yaml"), services["prune"]?.command ?? []].map(asked));
  const one = { command: "archive prune", args: ["/data/archives"], flags, quiet: true };
  expect(all).toEqual([one, one, one]);
  // The folder is that of the export.
  const [, exported = ""] = /--output (\S+)/.exec(read("systemd/decamp-server@.service")) ?? [];
  expect(line.split(" ")).toContain(exported);
  expect(read("systemd/decamp-prune@.service")).toContain("\nAfter=decamp-server@%i.service\n");
  expect(services["prune"]).toMatchObject({ user: `${user}:${group}`, read_only: true, cap_drop: ["ALL"] });
});

test("what another try does not help ends the Job that removes old snapshots, and else it is tried again", () => {
  const { spec } = parse(read("kubernetes/prune.yaml")) as { spec: { jobTemplate: { spec: IndexedJob } } };
  const all = [...codes, killed];
  const ends = all.filter((code) => judge(spec.jobTemplate.spec, code) === "FailJob");
  expect(ends).toEqual(all.filter((code) => judge(job, code) === "FailIndex"));
});

/**
 * nightly.sh with a command that ends with the codes that it is given, one after the other, or does not end by itself.
 * It is stopped a moment after the last of these calls.
 */
function nightly(ends: readonly (number | "stays")[]) {
  const folder = mkdtempSync(path.join(tmpdir(), "decamp-nightly-"));
  try {
    const [command, calls] = [path.join(folder, "command"), path.join(folder, "calls")];
    const cases = ends.map((end, at) => `${at + 1}) ${end === "stays" ? "sleep 10 & wait" : `exit ${end}`} ;;`);
    writeFileSync(
      command,
      `#!/bin/sh
trap 'kill $!; echo stopped >> ${calls}; exit 130' TERM
echo "$*" >> ${calls}
case $(wc -l < ${calls}) in
${cases.join("\n")}
esac
`,
      { mode: 0o755 },
    );
    writeFileSync(calls, "");
    const script = `sh ${root}/deploy/compose/nightly.sh 03:08 ${command} one 'two words' & job=$!
until [ "$(wc -l < ${calls})" -ge ${ends.length} ]; do sleep 0.01; done; sleep 0.1
kill -TERM $job; wait $job`;
    const env = { PATH: process.env["PATH"], NIGHTLY_RETRY: "0.01" };
    const { status, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8", env, timeout: 20_000 });
    const said = stderr.match(/exit code \d+/g) ?? [];
    return { status, said, calls: readFileSync(calls, "utf8").trim().split("\n") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.each([
  ["tries again what may help, and waits for the next day then", [5, 11, 0]],
  ["waits for the next day where another try does not help", [6]],
  ["gives up for the day after five tries", [5, 8, 5, 5, 5]],
])("nightly.sh %s", (_, ends) => {
  const said = ends.filter((code) => code !== 0).map((code) => `exit code ${code}`);
  expect(nightly(ends)).toEqual({ status: 0, said, calls: ends.map(() => "one two words") });
});

test("nightly.sh hands a stop on, and waits for the command", () => {
  const calls = ["one two words", "one two words", "stopped"];
  expect(nightly([5, "stays"])).toEqual({ status: 0, said: ["exit code 5"], calls });
});

const checker = spawnSync("sh", ["-c", "command -v kubernetes-validate"]).status === 0;

test.skipIf(!checker)(
  "Kubernetes' own schema takes the files (left out where kubernetes-validate is not installed)",
  () => {
    const script = "kubernetes-validate --strict --no-warn deploy/kubernetes/*.yaml";
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: root, encoding: "utf8" });
    expect({ status, said: status === 0 ? "" : stdout + stderr }).toEqual({ status: 0, said: "" });
  },
);

test("what the page for operators has for cron and for systemd is what decamp takes, and says nothing while all is well", async () => {
  const page = readFileSync(path.join(root, "docs/OPERATORS.md"), "utf8");
  const [, crontab = ""] = /^```text\n(PATH=.*?)^```/ms.exec(page) ?? [];
  const jobs = crontab.split("\n").filter((line) => /^[0-9]/.test(line));
  // To cron a percent sign is the end of the line, unless a backslash stands before it.
  expect(jobs.filter((line) => /[^\\]%/.test(line))).toEqual([]);
  const lines = jobs.map((line) => line.replace(/^(?:\S+\s+){5}/, "").replaceAll(String.raw`\%`, "%"));
  const [, dropIn = ""] = /^```ini\n.*?^ExecStart=(\/.*?)$/ms.exec(page) ?? [];
  const takes = await Promise.all(
    [...lines, dropIn].map(async (line) => {
      const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
      expect(words[0]).toBe("/usr/local/bin/decamp");
      return received(words.slice(1).map((word) => word.replace("%i", "pds.example.com")));
    }),
  );
  expect(takes.map(({ command }) => command)).toEqual([
    "export",
    "archive prune",
    "verify",
    "archive status",
    "export",
  ]);
  expect(takes.filter(({ globals }) => globals["quiet"] !== true)).toEqual([]);
  expect(takes[2]?.flags).toMatchObject({ sample: 100 });
  // The unit does what it does without the password.
  const unit = /^ExecStart=\S+ (.*)$/m.exec(read("systemd/decamp-server@.service"))?.[1] ?? "";
  expect(dropIn.replace(" --admin-password-command 'cat %d/admin'", "")).toBe(`/usr/local/bin/decamp ${unit}`);
});
