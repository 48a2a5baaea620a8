/** What was typed, so that it can be typed again. Flags never hold secrets. */
export function commandLine(argv: readonly string[]): string {
  const quoted = argv.map((word) => {
    if (/^[\w@%+=:,./-]+$/.test(word)) {
      return word;
    }
    return process.platform === "win32" ? `"${word.replaceAll('"', '\\"')}"` : `'${word.replaceAll("'", "'\\''")}'`;
  });
  return ["decamp", ...quoted].join(" ");
}
