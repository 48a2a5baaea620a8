/** Every transcript that needs servers, against real ones. */
import { expect, inject, test, vi } from "vitest";
import { connectNetwork } from "../network/control.ts";
import { needsNetwork } from "./parse.ts";
import { problemText, readTranscripts, runTranscript } from "./run.ts";
import { openWorld } from "./world.ts";

vi.setConfig({ maxConcurrency: 2, testTimeout: 300_000 });

const network = connectNetwork(inject("network"));
const transcripts = await readTranscripts();

test.concurrent.for(transcripts.filter(({ transcript }) => needsNetwork(transcript)))(
  "$name",
  async ({ name, transcript }) => {
    await using world = await openWorld(network, name, transcript.setting);
    expect(problemText(await runTranscript(transcript, world))).toBe("");
  },
);
