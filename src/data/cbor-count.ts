/** How many values CBOR has, without reading them. */

/**
 * Whether there are more than `most` values: lists, maps, keys, and what stands in them. Of bytes that are no CBOR that
 * is told of their beginning.
 */
export function hasMoreValues(bytes: Uint8Array, most: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let values = 0;
  for (let at = 0; at < bytes.length;) {
    const head = bytes[at]!;
    at += 1;
    values += 1;
    if (values > most) {
      return true;
    }
    const info = head & 31;
    let argument = info;
    if (info >= 24) {
      const width = info < 28 ? 1 << (info - 24) : 0;
      if (at + width > bytes.length || (width === 0 && info !== 31)) {
        return false;
      }
      argument =
        width === 1
          ? view.getUint8(at)
          : width === 2
            ? view.getUint16(at)
            : width === 4
              ? view.getUint32(at)
              : width === 8
                ? Number(view.getBigUint64(at))
                : 0;
      at += width;
    }
    const kind = head >> 5;
    if (kind === 2 || kind === 3) {
      at += argument;
    }
  }
  return false;
}
