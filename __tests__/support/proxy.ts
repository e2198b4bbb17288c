import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** One side's end is passed on like its data, and so not at all over a frozen connection. */
const SOCKETS = { allowHalfOpen: true, noDelay: true };

const proxies = new Set<TcpProxy>();

/** Closes every proxy that was opened here. */
export async function stopProxies(): Promise<void> {
  await Promise.all([...proxies].map((proxy) => proxy.close()));
}

/** Listens on a free port of loopback, and passes on what comes there. */
export async function tcpProxy(targetPort: number): Promise<TcpProxy> {
  const server = createServer(SOCKETS).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = new TcpProxy(server, targetPort);
  proxies.add(proxy);
  return proxy;
}

/** A stretch of network that breaks when the test says so. */
export class TcpProxy {
  readonly port: number;
  /** When each connection came, by `performance.now()`, whatever then happened to it. */
  readonly acceptTimes: number[] = [];
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #refuses = false;
  #silencesNewOnes = false;
  /** What is waited for to pass, and who waits. */
  readonly #awaited = new Set<{ readonly text: string; readonly passed: () => void }>();

  constructor(
    server: Server,
    /** The port that new connections lead to. */
    public target: number,
  ) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => this.#accept(socket));
  }

  get accepted(): number {
    return this.acceptTimes.length;
  }

  /** Destroys the connections there are. New ones are taken. */
  cut(): void {
    for (const link of this.#links) link.destroy();
  }

  /** Resolves when a client's text, short enough for one packet, is on its way to the target. */
  passed(text: string): Promise<void> {
    return new Promise((passed) => this.#awaited.add({ text, passed }));
  }

  /** Resets every new connection at once, or no longer. Those there are stay. */
  refuse(on: boolean): void {
    this.#refuses = on;
  }

  /**
   * Leaves the connections half open: they stay, and nothing passes any more, not even their end.
   * New ones work, unless they are to fall silent too: then they lead nowhere.
   */
  freeze({ newOnes = false }: { readonly newOnes?: boolean } = {}): void {
    this.#silencesNewOnes = newOnes;
    for (const link of this.#links) link.freeze();
  }

  /** Destroys what is frozen, as a network does that forgot about it. New connections work. */
  thaw(): void {
    this.#silencesNewOnes = false;
    for (const link of this.#links) {
      if (link.isFrozen) link.destroy();
    }
  }

  async close(): Promise<void> {
    if (!proxies.delete(this)) return;
    const closed = once(this.#server.close(), 'close');
    this.cut();
    await closed;
  }

  #accept(socket: Socket): void {
    this.acceptTimes.push(performance.now());
    if (this.#refuses) {
      socket.resetAndDestroy();
      return;
    }
    const link = new Link(socket, this.#silencesNewOnes ? undefined : this.target);
    socket.on('data', (bytes: Buffer) => {
      for (const awaited of this.#awaited) {
        if (!bytes.includes(awaited.text)) continue;
        this.#awaited.delete(awaited);
        awaited.passed();
      }
    });
    this.#links.add(link);
    link.onClosed = () => this.#links.delete(link);
  }
}

/** One connection, and the one to the target that goes with it. */
class Link {
  isFrozen = false;
  onClosed: () => void = () => {};
  readonly #sockets: readonly Socket[];

  /** Without a target it is frozen from the start. */
  constructor(near: Socket, target: number | undefined) {
    if (target === undefined) {
      this.#sockets = [near];
      this.freeze();
    } else {
      const far = connect({ host: '127.0.0.1', port: target, ...SOCKETS });
      near.pipe(far).pipe(near);
      this.#sockets = [near, far];
    }
    for (const socket of this.#sockets) {
      socket.on('error', () => {
        if (!this.isFrozen) this.destroy();
      });
      socket.on('close', () => {
        if (this.#sockets.every(({ closed }) => closed)) this.onClosed();
      });
    }
  }

  freeze(): void {
    this.isFrozen = true;
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
