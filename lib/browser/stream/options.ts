/** What a request is made with. */
export type RequestHeaders = Readonly<Record<string, string>>;

/** The options of `connect`. All of them are optional. */
export interface ConnectOptions {
  /** Default `'GET'`. */
  readonly method?: string | undefined;
  /** What is sent with another method: a string or bytes. Default: nothing. */
  readonly body?: string | Uint8Array | undefined;
  /**
   * Request headers: an object from name to value, or a function that returns one, or a promise of one. The function is
   * called for each connection, so that a token is always fresh. Default: none.
   */
  readonly headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>) | undefined;
  /** Whether cookies are sent: as in `fetch`. Default `'same-origin'`. */
  readonly credentials?: 'omit' | 'same-origin' | 'include' | undefined;
  /** Where the stream starts: the id of the event before. Default: where the server says. */
  readonly lastEventId?: string | undefined;
  /**
   * Whether all tabs of an origin that read this URL use one connection: `true`, or a text that only those have in common
   * that may, such as the id of the user. With `headers`, it has to be a text; another method than GET can't be shared.
   * Default `false`.
   */
  readonly share?: boolean | string | undefined;
  /** Turns the text of an event into its data. Default: JSON, or the text itself where it is none. */
  readonly parse?: ((text: string, type: string) => unknown) | undefined;
  /** Instead of the global `fetch`. */
  readonly fetch?: ((url: string, init: object) => Promise<unknown>) | undefined;
}

/** What each option has to be. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  method: ['string'],
  body: ['string', 'object'],
  headers: ['object', 'function'],
  credentials: ['string'],
  lastEventId: ['string'],
  share: ['boolean', 'string'],
  parse: ['function'],
  fetch: ['function'],
};

/** Throws a TypeError that names the culprit for a bad argument. */
export function checkArguments(url: unknown, options: unknown): void {
  if (!(typeof url === 'string' || url instanceof URL)) {
    throw new TypeError(`connect url ${String(url)}: must be a string or a URL`);
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`connect options ${String(options)}: must be an object`);
  }
  for (const [name, value] of Object.entries(options)) {
    const types = TYPES[name];
    if (types === undefined) {
      const known = Object.keys(TYPES).join(', ');
      throw new TypeError(`connect options: there is no option '${name}', only ${known}`);
    }
    if (value === undefined || (value !== null && types.includes(typeof value))) continue;
    throw new TypeError(`${name} ${String(value)}: must be of type ${types.join(' or ')}`);
  }
  checkShare(options);
}

/** A connection has the rights of whoever made it. */
function checkShare({ share, headers, method = 'GET' }: ConnectOptions): void {
  if (share === undefined || share === false) return;
  if (share === '') throw new TypeError(`share '': must be true, or a text`);
  if (method !== 'GET') throw new TypeError(`method ${method}: must be GET with share`);
  if (share === true && headers !== undefined) {
    throw new TypeError('share true: must be a text that names the user, as there are headers');
  }
}

/** JSON, or text. */
export function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
