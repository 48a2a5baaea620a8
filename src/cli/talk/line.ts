/** Text for a screen, as data: pieces that may have a look. */

/** How a piece may look; a stream without colour shows only its text. */
type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** A piece of a line. Plain strings and styled texts are escaped alike. */
export type Piece =
  | string
  | {
      readonly text: string;
      readonly style: Style;
      /** The first of a line: where the line is broken, what follows begins behind it. */
      readonly hangs?: true;
    };

/** A line for people, in pieces. */
export type Line = readonly Piece[];
