import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Where a connection is cut, in what has come over it; undefined while that is not there yet. */
type Cut = (text: string) => number | undefined;

function behind(text: string, mark: string, times: number): number | undefined {
  let at = 0;
  for (let time = 0; time < times; time++) {
    at = text.indexOf(mark, at) + mark.length;
    if (at < mark.length) return undefined;
  }
  return at;
}

const some = () => 1 + Math.floor(Math.random() * 5);

/** Chunks, and the blocks in them, begin and end at the same places. */
const CUTS: readonly (() => Cut)[] = [
  function beforeItsFirstEvent() {
    return (text) => behind(text, '\n\n\r\n', 1);
  },
  function insideAnEvent() {
    const times = some();
    return (text) => {
      const at = behind(text, '\ndata: event', times);
      return at === undefined || text.length < at + 20 ? undefined : at + 3;
    };
  },
  function betweenTwoEvents() {
    const times = 1 + some();
    return (text) => behind(text, '\n\n\r\n', times);
  },
];

/** Stands between some clients and a server, and cuts their streams. */
export class CuttingProxy {
  /** How many streams were cut. */
  cuts = 0;
  /** How many of those to come will be cut. */
  #planned = 0;
  readonly #near = new Set<Socket>();
  readonly #server: Server;

  private constructor(private readonly target: number) {
    this.#server = createServer((near) => this.#connect(near)).listen(0, '127.0.0.1');
    this.#server.unref();
  }

  static async inFrontOf(url: string): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(Number(new URL(url).port));
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts those there are, and so many of those that follow, each at one of the places above. */
  cut(following: number): void {
    this.#planned = following;
    for (const socket of this.#near) socket.destroy();
    this.cuts += this.#near.size;
  }

  #connect(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.target });
    let cut: Cut | undefined;
    let text = '';
    for (const socket of [near, far]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#near.delete(near);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (bytes.toString('latin1').startsWith('GET /stream')) {
        this.#near.add(near);
        if (this.#planned > 0)
          cut = (CUTS[this.#planned-- % CUTS.length] as (typeof CUTS)[number])();
      }
      far.write(bytes);
    });
    far.on('data', (bytes) => {
      const before = text.length;
      if (cut !== undefined) text += bytes.toString('latin1');
      const at = cut?.(text);
      if (at === undefined) {
        near.write(bytes);
        return;
      }
      far.destroy();
      near.end(bytes.subarray(0, Math.max(0, at - before)));
      cut = undefined;
      this.cuts++;
    });
  }
}
