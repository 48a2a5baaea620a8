/** An insurance as agents of launchd, on macOS (launchd.plist(5)). */
import { noticeVariable } from "../secret-kinds.ts";
import { jobsOf, type Insurance, type Job, type Units } from "./jobs.ts";
import { quoted, shellLine } from "./shell-line.ts";

const folder = "~/Library/LaunchAgents";

export function launchdUnits(insurance: Insurance): Units {
  const units = jobsOf(insurance, { desktop: launchdNotice }).map((job) => {
    const name = `decamp.${job.name}.plist`;
    const path = `${folder}/${name}`;
    return { name, path, content: propertyList(job, path, insurance.notifyCommand ?? launchdNotice) };
  });
  return {
    system: "launchd",
    units,
    install: units.map(({ path }) => `launchctl bootstrap gui/$(id -u) ${path}`),
    folder,
    place: (from) => [`mkdir -p ${folder}`, `cp ${quoted(from)}/decamp.*.plist ${folder}/`],
  };
}

/** It takes what is to be said as an argument, and never as a part of a script. */
export const launchdNotice: string = `osascript -e 'on run argv' -e 'display notification (item 1 of argv) with title "decamp"' -e 'end run' "$${noticeVariable}"`;

/** @param path where it belongs: a comment could not hold every name, since no two hyphens may stand in one */
function propertyList(job: Job, path: string, notify: string): string {
  const strings = ["/bin/sh", "-c", shellLine(job, notify)].map((word) => `    <string>${escaped(word)}</string>`);
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<?put-into ${path}?>`,
    `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">`,
    `<plist version="1.0">`,
    `<dict>`,
    `  <key>Label</key>`,
    `  <string>decamp.${escaped(job.name)}</string>`,
    `  <key>ProgramArguments</key>`,
    `  <array>`,
    ...strings,
    `  </array>`,
    `  <key>EnvironmentVariables</key>`,
    `  <dict>`,
    ...job.env.flatMap(([name, value]) => [`    <key>${name}</key>`, `    <string>${escaped(value)}</string>`]),
    `  </dict>`,
    `  <key>StartCalendarInterval</key>`,
    `  <dict>`,
    ...timeOf(job).flatMap(([key, value]) => [`    <key>${key}</key>`, `    <integer>${value}</integer>`]),
    `  </dict>`,
    `  <key>Umask</key>`,
    `  <integer>63</integer>`,
    `  <key>ProcessType</key>`,
    `  <string>Background</string>`,
    `</dict>`,
    `</plist>`,
    ``,
  ].join("\n");
}

function timeOf({ id, minute }: Job): readonly (readonly [key: string, value: number])[] {
  const hours = {
    export: [["Hour", 3]],
    watch: [],
    check: [
      ["Hour", 5],
      ["Weekday", 0],
    ],
  } as const;
  return [["Minute", minute], ...hours[id]];
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
