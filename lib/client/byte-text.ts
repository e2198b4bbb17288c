/**
 * The text of a stream of bytes, chunk by chunk. A chunk may end within a character, or between CR and LF: what
 * belongs together is held back for the next one.
 */
export class ByteText {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #held = '';

  /** The text up to the last character that is complete; empty where there is none. */
  take(bytes: Uint8Array): string {
    const text = this.#held + this.#decoder.decode(bytes, { stream: true });
    this.#held = text.endsWith('\r') ? '\r' : '';
    return text.slice(0, text.length - this.#held.length);
  }

  /** What was held back: no further chunk follows it. */
  end(): string {
    const text = this.#held + this.#decoder.decode();
    this.#held = '';
    return text;
  }
}
