/**
 * The name of an account in what a person has pasted: from a profile's address, a chat, a page in another script. Only
 * what can mean nothing else is taken; whether it is a name at all, `names.ts` says.
 */

/** Marks that show nothing: zero width, direction, joiners, soft hyphen, byte order. */
// oxlint-disable-next-line no-misleading-character-class -- one at a time is what is meant
const invisible = /[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]/g;

/** Within a name they may show it in another order than it has. At its ends they do no harm, but for the last. */
const rightToLeft = /[\u061c\u200f\u202b\u2067]/;
const override = /\u202e/;

/** Other forms of the letters that names have. */
const otherForms: readonly (readonly [RegExp, (letter: string) => string])[] = [
  // Full-width: each stands so far behind the one of ASCII.
  [/[\uff01-\uff5e]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) - 0xfee0)],
  [/[\u3002\uff61\ufe52]/g, () => "."],
  [/\ufe6b/g, () => "@"],
  [/[\u2010\u2011]/g, () => "-"],
];

/**
 * The name in a text: without marks that show nothing, with ASCII for full-width signs, without the dots behind it;
 * what stands behind `@` or `at://`; or the name in the address of a profile.
 *
 * @returns the text itself, if it has none of these forms, or could be shown in another order than it has
 */
export function nameIn(text: string): string {
  const trimmed = text.trim();
  const visible = trimmed.replaceAll(invisible, "").trim();
  const inside = trimmed.slice(trimmed.indexOf(visible.charAt(0)), trimmed.lastIndexOf(visible.slice(-1)));
  if (override.test(text) || rightToLeft.test(inside)) {
    return text;
  }
  const plain = otherForms.reduce((name, [letters, ascii]) => name.replaceAll(letters, ascii), visible);
  const named = inAddress(plain) ?? plain;
  const bare = /^at:\/\//i.test(named) ? named.slice("at://".length).replace(/\/$/, "") : named.replace(/^@/, "");
  return bare.replace(/\.+$/, "");
}

/**
 * The name in the address of a profile, as apps make them: `https://bsky.app/profile/NAME`, `/at/NAME`, `/did/DID`,
 * `/@NAME`, `/DID`, `/at://NAME`. Without `https://` only with `profile`. What goes on behind the name is not of an
 * account alone.
 */
function inAddress(text: string): string | undefined {
  const [, scheme, path] = /^(https?:\/\/)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d+)?\/([^?#]*)/i.exec(text) ?? [];
  if (path === undefined) {
    return undefined;
  }
  const [, lead, name] = /^(?:(profile|at|did)\/|at:\/\/)?(@?[^/@]+)\/?$/i.exec(decoded(path)) ?? [];
  if (name === undefined || (scheme === undefined && lead?.toLowerCase() !== "profile")) {
    return undefined;
  }
  const isNamed = lead !== undefined || /^(?:at:\/\/|@|did:)/i.test(decoded(path));
  return isNamed ? name.replace(/^@/, "") : undefined;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** So many letters are spelled out. */
const most = 5;

/** A sentence that spells out what no name of an account has; empty if that is not what is wrong. */
export function whatNoNameHas(text: string): string {
  const odd = [...new Set(Array.from(text))].filter((letter) => !/[a-z0-9.:%@-]/i.test(letter));
  if (odd.length === 0 || odd.includes("/")) {
    return odd.includes("/")
      ? " An account is named by its handle or DID alone, or by the address of its profile."
      : "";
  }
  const spelled = odd.slice(0, most).map((letter) => {
    if (letter === " ") {
      return "a space";
    }
    const code = `U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
    return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(letter) ? `${JSON.stringify(letter)} (${code})` : code;
  });
  const more = odd.length > most ? ", and more" : "";
  return ` It has ${spelled.join(", ")}${more}; a name has only letters from a to z, digits, hyphens and dots.`;
}
