export interface ParsedEvent {
  readonly type: string;
  readonly data: string;
  readonly id: string;
}

const CR = 13;
const LF = 10;

/**
 * Reads an event stream, chunk by chunk, as the text of the specification says, and shares no code with any client:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class WhatwgParser {
  readonly #decoder = new TextDecoder();
  readonly #dispatch: (event: ParsedEvent) => void;
  #line: number[] = [];
  #parts: Buffer[] = [];
  #afterCr = false;
  #data = '';
  #type = '';
  #idBuffer = '';

  constructor(dispatch: (event: ParsedEvent) => void) {
    this.#dispatch = dispatch;
  }

  feed(chunk: Uint8Array): void {
    for (const byte of chunk) {
      const isSecondOfPair = this.#afterCr && byte === LF;
      this.#afterCr = byte === CR;
      if (isSecondOfPair) continue;
      if (byte === CR || byte === LF) this.#endLine();
      else this.#line.push(byte);
      if (this.#line.length === 65_536) this.#keepPart();
    }
  }

  #keepPart(): void {
    this.#parts.push(Buffer.from(this.#line));
    this.#line = [];
  }

  #endLine(): void {
    this.#keepPart();
    const line = this.#decoder.decode(Buffer.concat(this.#parts));
    this.#parts = [];
    if (line === '') {
      this.#endEvent();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data += `${value}\n`;
    else if (name === 'id' && !value.includes('\0')) this.#idBuffer = value;
  }

  #endEvent(): void {
    const [type, data] = [this.#type || 'message', this.#data];
    this.#type = '';
    this.#data = '';
    if (data !== '') this.#dispatch({ type, data: data.slice(0, -1), id: this.#idBuffer });
  }
}
