/** An account that comes back from its archive, with a rotation key of its own, to a server of another make. */
import { archivedAccount, newPassword } from "../restore.ts";
import { runDecamp } from "../run-decamp.ts";
import { endOf, makeOnly, signsAgain, undressed, whole, type Cell } from "./cells.ts";
import { takeOn } from "./index.ts";

export const restoreOnto: Cell = async (network, habit) => {
  const { pds, direct, proxy, name } = await undressed(network, habit);
  const target = { ...pds, url: direct.url };
  const subject = await archivedAccount(network, { home: network.a, target, name: `${name}re` });
  takeOn({ proxy, server: pds }, habit, subject.account.did);
  if (habit === "cirrus") {
    const { account, newHandle } = subject;
    await makeOnly(direct, account, { newHandle, newEmail: `${name}@only.example.com`, newPassword });
  }
  try {
    const ended = await runDecamp(subject.args);
    if (ended.code !== whole(habit)) {
      return [endOf(ended)];
    }
    const flaws = await subject.flaws();
    return flaws.filter(
      (flaw) =>
        !(signsAgain.has(habit) && flaw.startsWith("the head")) && !(habit === "minimal" && /preferences/.test(flaw)),
    );
  } finally {
    await subject.remove();
    await proxy.stop();
  }
};
