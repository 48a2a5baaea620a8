/** For `node --import`: the clock of the process is DECAMP_TEST_CLOCK milliseconds ahead. */
const shift = Number(process.env["DECAMP_TEST_CLOCK"] ?? "0");
const { now } = Date;
const realDate = Date;

globalThis.Date = new Proxy(realDate, {
  construct: (target, args: [], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now() + shift] : args, newTarget) as object,
});
realDate.now = () => now() + shift;
