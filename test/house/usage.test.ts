/** Tools that are called wrongly, or asked how they are called, say it in a sentence. */
import { expect, test } from "vitest";
import { compatCall, sequencesCall } from "../tools/usage.ts";

test("compat: without its two arguments it is wrong usage, and --help is not", () => {
  expect(compatCall(["folder", "v1"])).toEqual({ with: { checkout: "folder", name: "v1" } });
  for (const args of [[], ["folder"], ["folder", "v1", "more"], ["folder", "--v1"]]) {
    expect(compatCall(args)).toMatchObject({
      code: 2,
      text: expect.stringMatching(/^Usage: npm run compat/) as string,
    });
  }
  expect(compatCall(["--help"])).toMatchObject({ code: 0 });
});

test("sequences: a flag that it does not know is named", () => {
  expect(sequencesCall(["--seed", "7", "--shrink"], 200)).toMatchObject({
    with: { count: 200, seed: 7, lanes: 2, shrink: true, story: false },
  });
  expect(sequencesCall(["--help"], 200)).toMatchObject({
    code: 0,
    text: expect.stringContaining("--replay") as string,
  });
  expect(sequencesCall(["--sed", "7"], 200)).toMatchObject({
    code: 2,
    text: expect.stringContaining("--sed") as string,
  });
  expect(sequencesCall(["--seed", "x"], 200)).toMatchObject({ code: 2 });
});
