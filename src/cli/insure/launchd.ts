/** An insurance as agents of launchd, on macOS (launchd.plist(5)). */
import { jobsOf, type Insurance, type Job, type Units } from "./jobs.ts";
import { shellLine } from "./shell-line.ts";

const folder = "~/Library/LaunchAgents";

export function launchdUnits(insurance: Insurance): Units {
  const units = jobsOf(insurance).map((job) => {
    const name = `decamp.${job.name}.plist`;
    return { name, path: `${folder}/${name}`, content: propertyList(job, insurance.notifyCommand ?? notice(job)) };
  });
  return {
    system: "launchd",
    units,
    install: units.map(({ path }) => `launchctl bootstrap gui/$(id -u) ${path}`),
  };
}

/** The names in it are plain: of an account only letters, digits, dots and hyphens are left. */
function notice({ name }: Job): string {
  return `osascript -e 'display notification "${name} has failed." with title "decamp"'`;
}

function propertyList(job: Job, notify: string): string {
  const strings = ["/bin/sh", "-c", shellLine(job, notify)].map((word) => `    <string>${escaped(word)}</string>`);
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
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
