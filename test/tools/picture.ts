/** A terminal session as an animated SVG: all its lines below each other, behind a window that moves along them. */

/** A piece of a line, and the classes of its look. */
export interface Styled {
  readonly text: string;
  readonly style: string;
}

/** How long the window rests where so many lines have come. */
export interface Beat {
  readonly lines: number;
  readonly seconds: number;
}

const rows = 30;
const line = { height: 17, size: 13 };
const margin = 16;
/** Of a letter (pixels), as wide as those fonts are at that size. */
const letter = 7.83;
const columns = 86;

/** The two servers, as the pages call them. */
const [oldHost, newHost] = ["pds.example.com", "pds.example.org"];

/**
 * What stands in the picture for a masked line of a screen: names of servers as people know them, and nothing of the
 * flags that only a test network needs.
 */
export function shownAs(masked: string): string {
  return (
    masked
      .replaceAll(/ --plc-url http:\/\/plc --allow-private-hosts --state-dir {1,2}FOLDER\/state/g, "")
      .replaceAll("FOLDER/state/", "~/.local/state/decamp/")
      .replaceAll(/ {0,2}FOLDER\//g, " ~/")
      .replaceAll("did:plc:ALICE", "did:plc:ewvi7nxzyoun6zhxrhs64oiz")
      .replaceAll("did-plc-ALICE", "did-plc-…")
      .replaceAll("did:key:KEY", "did:key:zQ3sh…")
      .replaceAll("CID", "bafyrei…")
      .replaceAll("CODE", "ABCDE-23456")
      .replaceAll("TIME", "2026-12-02 21:40 (UTC)")
      .replaceAll("SOME GB", "210 GB")
      .replaceAll("http://old", `https://${oldHost}`)
      .replaceAll("http://new", `https://${newHost}`)
      .replaceAll(/\bOLD\b/g, oldHost)
      .replaceAll(/\bNEW\b/g, newHost)
      .replaceAll(".a.test", `.${oldHost}`)
      .replaceAll(".b.test", `.${newHost}`)
      .replaceAll("@old.example.com", "@mail.example")
      .replaceAll("@new.example.com", "@mail.example")
      .replaceAll(/\bguided80\b/g, "alice")
      // Of names that only a test network has.
      .replace(/^(✔ Confirm from outside .*)\. Where$/, "$1")
      .replace(/^\S+ leads was not asked from outside: .*|^public DNS\.$/, "")
      .trimEnd()
  );
}

/** The whole picture. @param beats in order; the last is the end */
export function pictureOf(lines: readonly (readonly Styled[])[], beats: readonly Beat[]): string {
  const width = Math.ceil(columns * letter) + 2 * margin;
  const height = 34 + rows * line.height + 12;
  const total = beats.reduce((sum, { seconds }) => sum + seconds, 0);
  let at = 0;
  const frames = beats.map((beat) => {
    const frame = `${((at / total) * 100).toFixed(2)}%{transform:translateY(${placeOf(beat)}px)}`;
    at += beat.seconds;
    return frame;
  });
  // What shows no movement shows the plan.
  const still = beats.find(({ lines: count }) => textOf(lines[count - 1]).startsWith("> Begin?")) ?? beats[0];
  const texts = lines.map((pieces, row) => textLine(pieces, row)).filter((text) => text !== "");
  return `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A recording of the guided move">
<style>
.w{fill:#14171c;stroke:#555}
text{font:${line.size}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d8dee6;white-space:pre}
.bold{font-weight:bold;fill:#fff}.dim{fill:#9aa5b1}.red{fill:#ff8f8f}.green{fill:#8fd694}.yellow{fill:#f2cc60}.cyan{fill:#79d3e0}
.s{transform:translateY(${still === undefined ? 0 : placeOf(still)}px);animation:s ${total.toFixed(1)}s step-end infinite}
@keyframes s{${frames.join("")}}
@media (prefers-reduced-motion:reduce){.s{animation:none}}
</style>
<rect class="w" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>
<text x="${margin}" y="22" class="dim">$ decamp migrate</text>
<svg y="34" width="${width}" height="${rows * line.height}"><g class="s">
${texts.join("\n")}
</g></svg>
</svg>
`;
}

/** How far the lines are moved (pixels) so that the newest is the lowest. */
function placeOf({ lines: count }: Beat): number {
  return (rows - count) * line.height;
}

/** The text of a line. */
export function textOf(pieces: readonly Styled[] = []): string {
  return pieces.map(({ text }) => text).join("");
}

function textLine(pieces: readonly Styled[], row: number): string {
  const inside = pieces
    .filter(({ text }) => text !== "")
    .map(({ text, style }, at, all) => ({ text: at === all.length - 1 ? text.trimEnd() : text, style }))
    .map(({ text, style }) => (style === "" ? escaped(text) : `<tspan class="${style}">${escaped(text)}</tspan>`))
    .join("");
  return inside.trim() === "" ? "" : `<text x="${margin}" y="${row * line.height + line.size}">${inside}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
