/** A move as people do it: by https and public names, and without --allow-private-hosts. */
import { expect, inject, test } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { createFilled } from "../network/populate.ts";
import { lookBefore, proveMove } from "../network/prove.ts";
import { startPublicNames } from "../network/public-names.ts";
import { prepareMove, runDecamp, type Ended } from "../network/run-decamp.ts";

const network = connectNetwork(inject("network"));

test("an account moves between two servers with names, by https alone", async () => {
  const [source, target] = await Promise.all([
    network.addPds({ name: "old", publicHost: "old.example.com" }),
    network.addPds({ name: "new", publicHost: "new.example.com" }),
  ]);
  const hosts = new Map([
    ["plc.example.com", network.plcUrl],
    ["old.example.com", source.url],
    ["new.example.com", target.url],
  ]);
  // A server answers for the handles that it gives out, too; one of them was forgotten.
  await using names = await startPublicNames((host) =>
    host === "mute.new.example.com" ? undefined : (hosts.get(host) ?? hosts.get(host.split(".").slice(1).join("."))),
  );
  const account = await createFilled(source, "alice", { records: 40, blobs: 6, seed: 91 });
  const before = await lookBefore(network.plcUrl, account);
  const move = await prepareMove(
    { ...network, plcUrl: "https://plc.example.com" },
    account,
    { ...target, url: target.publicUrl },
    ["--from"],
  );
  const args = move.args.filter((argument) => argument !== "--allow-private-hosts");

  const { code, stderr } = await runDecamp(args, { env: names.env });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const checks = await proveMove(network.plcUrl, before, target, {
    handle: move.newHandle,
    password: move.newPassword,
  });
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
  // Both handles were looked for at their own hosts; nobody had to be told where the account is.
  expect([...names.asked].filter((host) => host.endsWith("example.com")).sort()).toEqual([
    "alice.new.example.com",
    "alice.old.example.com",
    "new.example.com",
    "old.example.com",
    "plc.example.com",
  ]);
  await move.remove();

  // A handle that leads nowhere is told before anything is made, and in the end, and does not stop the move.
  const mute = await createFilled(source, "mute", { records: 20, blobs: 2, seed: 92 });
  const second = await prepareMove(
    { ...network, plcUrl: "https://plc.example.com" },
    mute,
    { ...target, url: target.publicUrl },
    ["--from"],
  );
  const flags = [...second.args.filter((argument) => argument !== "--allow-private-hosts"), "--json"];
  const planned = lines(await runDecamp([...flags, "--dry-run"], { env: names.env }));
  expect(planned.at(-1)).toMatchObject({ type: "result", state: "planned", warnings: contained([silent]) });
  const ended = await runDecamp(flags, { env: names.env });
  expect({ code: ended.code, stderr: ended.code === 0 ? "" : ended.stderr }).toEqual({ code: 0, stderr: "" });
  const moved = lines(ended);
  expect(moved).toEqual(
    contained([silent, unconfirmed].map((warning) => ({ type: "warning", version: 1, ...warning }))),
  );
  expect(moved.at(-1)).toMatchObject({ type: "result", state: "moved", warnings: contained([silent, unconfirmed]) });
  await second.remove();
});

const about = expect.stringContaining("mute.new.example.com") as string;
const silent = { code: "handle-host-silent", message: about };
const unconfirmed = { code: "handle-unconfirmed", message: about };

function contained(items: readonly object[]): object[] {
  return expect.arrayContaining([...items]) as object[];
}

/** What a run with --json has said. */
function lines({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
