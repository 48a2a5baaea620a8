/**
 * What systems differ in, as far as decamp has to know it. Nobody else asks which system this is, so that the rules of
 * each can be tried on any.
 *
 * What needs no rule: on macOS Node.js syncs a file to the medium (F_FULLFSYNC), and on Windows it takes paths of any
 * length. Names of files that decamp makes up are ASCII, and differ in more than their case.
 */
import { platform } from "node:os";
import { posix, win32, type PlatformPath } from "node:path";

/** What starts commands at a time of day. */
export type Scheduler = "systemd" | "launchd" | "cron";

export interface SystemRules {
  /** How paths are written. */
  readonly path: PlatformPath;
  /** Whether a file has an owner, and bits that say who else may read and write it. */
  readonly hasModes: boolean;
  /** Whether a folder can be synced, so that the names in it are durable. Windows opens no folder. */
  readonly syncsFolders: boolean;
  /** Whether a file that is open can lose its name, and lives until it is closed. */
  readonly removesOpenFiles: boolean;
  /** Whether a device has a number, which tells it from another. */
  readonly numbersDevices: boolean;
  /** Whether `/proc` tells about processes and open pipes, as on Linux. */
  readonly hasProc: boolean;
  /** Whether a process can be sent a signal; on Windows it can only be ended. */
  readonly sendsSignals: boolean;
  /** What asks a process to end. Windows has one more key for it, and sends SIGHUP where a console is closed. */
  readonly stopSignals: readonly NodeJS.Signals[];
  /** What starts commands at a time of day, the best first; nothing of it may be there. */
  readonly schedulers: readonly Scheduler[];
  /** A word as a shell takes it, unchanged: that of `sh`; on Windows of PowerShell and of cmd, as far as both agree. */
  readonly quoted: (word: string) => string;
  /** Whether a file or folder cannot be called so: Windows keeps some names for devices, with any ending. */
  readonly isReserved: (name: string) => boolean;
}

/** The rules of a system, by the name that Node.js has for it. */
export function systemRules(system: NodeJS.Platform): SystemRules {
  const windows = system === "win32";
  return {
    path: windows ? win32 : posix,
    hasModes: !windows,
    syncsFolders: !windows,
    removesOpenFiles: !windows,
    numbersDevices: !windows,
    hasProc: system === "linux",
    sendsSignals: !windows,
    stopSignals: windows ? ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP"],
    schedulers: windows ? [] : system === "darwin" ? ["launchd"] : system === "linux" ? ["systemd", "cron"] : ["cron"],
    quoted: (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : (windows ? quotedOnWindows : quotedForSh)(word)),
    isReserved: (name) => windows && isDeviceName(name),
  };
}

/** This system, as Node.js calls it. */
export const ownSystem: NodeJS.Platform = platform();

/** Its rules. */
export const ownRules: SystemRules = systemRules(ownSystem);

/** Whether Windows keeps `name` for a device. */
export function isDeviceName(name: string): boolean {
  return /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$|clock\$)(?:\.|$)/i.test(name);
}

function quotedForSh(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * In double quotes a program of Windows takes `""` for one of them, and every backslash before one has to be doubled.
 * PowerShell would run what stands behind `$` there; its single quotes, which cmd does not know, take all as it is.
 */
function quotedOnWindows(word: string): string {
  if (/[$`]/.test(word)) {
    return `'${word.replaceAll("'", "''")}'`;
  }
  const inside = word.replaceAll(
    /(\\*)("|$)/g,
    (_, slashes: string, quote: string) => slashes.repeat(2) + quote.repeat(2),
  );
  return `"${inside}"`;
}
