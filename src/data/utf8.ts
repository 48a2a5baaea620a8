/** Whether `bytes` from `start` to `end` are valid UTF-8: shortest forms, no surrogates, nothing beyond U+10FFFF. */
export function isUtf8(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    while (at + 4 <= end && (view.getInt32(at, true) & 0x80808080) === 0) {
      at += 4;
    }
    if (at >= end) {
      return true;
    }
    const first = bytes[at]!;
    if (first < 0x80) {
      at++;
      continue;
    }
    let more: number;
    let low = 0x80;
    let high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
      more = 1;
    } else if (first >= 0xe0 && first <= 0xef) {
      more = 2;
      if (first === 0xe0) {
        low = 0xa0;
      } else if (first === 0xed) {
        high = 0x9f;
      }
    } else if (first >= 0xf0 && first <= 0xf4) {
      more = 3;
      if (first === 0xf0) {
        low = 0x90;
      } else if (first === 0xf4) {
        high = 0x8f;
      }
    } else {
      return false;
    }
    if (end - at <= more) {
      return false;
    }
    const second = bytes[at + 1]!;
    if (second < low || second > high) {
      return false;
    }
    for (let i = 2; i <= more; i++) {
      if ((bytes[at + i]! & 0xc0) !== 0x80) {
        return false;
      }
    }
    at += more + 1;
  }
  return true;
}
