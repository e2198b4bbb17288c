import cluster from 'node:cluster';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { ServerHttp2Session } from 'node:http2';
import { createServer, Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { isHttp2, type Request, type Response } from '../request.js';
import { withTimeLimit } from '../util/time-limit.js';

/** How long a client may take to use a connection that it keeps once more, and to see that it is to be closed, in ms. */
export const IDLE = 1000;

/** How long connections that are cut may take to close, in ms. */
const LAST_STEP = 1000;

/** The connections of a server from now on, and what is under way on them. */
export class Connections {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #responses = new Map<Response, Request>();
  #isClosing = false;
  #isClosed = false;
  #changed: () => void = () => {};

  constructor(server: Server) {
    this.#server = server;
    server.once('close', () => {
      this.#isClosed = true;
      this.#changed();
    });
    server.on('connection', (socket: Socket) => this.#add(this.#sockets, socket));
    server.on('session', (session: ServerHttp2Session) => {
      this.#add(this.#sessions, session);
      if (this.#isClosing) session.close();
    });
    // Before whatever answers at once.
    server.prependListener('request', (req: Request, res: Response) => {
      this.#responses.set(res, req);
      if (this.#isClosing) closeBehind(req, res);
      res.once('close', () => {
        this.#responses.delete(res);
        this.#changed();
      });
    });
  }

  /** From now on, each response tells its client to open another connection. */
  closeBehindResponses(): void {
    this.#isClosing = true;
    for (const [res, req] of this.#responses) closeBehind(req, res);
  }

  /**
   * Accepts no more connections. To close those that are idle as well, as `server.close` does, would fail requests that
   * are on their way.
   */
  stopListening(): void {
    if (this.#isClosed) return;
    Server.prototype.close.call(this.#server);
    for (const session of this.#sessions) session.close();
  }

  /** Resolves when all connections are closed: what is under way may take so long, in ms. */
  async closeAll(timeout: number): Promise<void> {
    const end = performance.now() + IDLE + timeout;
    const isClosed = () => this.#isClosed;
    await this.#until(isClosed, IDLE);
    await withTimeLimit(primaryKnows(), timeout, 'the primary').catch(() => {});
    do {
      const left = Math.max(0, end - performance.now());
      await this.#until(() => this.#responses.size + this.#sessions.size === 0, left);
      // Requests that are here, and not read yet, are no idle connections.
      await nextTurn();
    } while (this.#responses.size > 0 && performance.now() < end);
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    // The server alone knows those of before.
    const { closeIdleConnections, closeAllConnections } = this.#server as Partial<HttpServer>;
    closeIdleConnections?.call(this.#server);
    await this.#until(isClosed, end - performance.now());
    closeAllConnections?.call(this.#server);
    await this.#until(isClosed, LAST_STEP);
  }

  #add<Kind extends { once(event: 'close', listener: () => void): unknown }>(
    all: Set<Kind>,
    one: Kind,
  ): void {
    all.add(one);
    one.once('close', () => {
      all.delete(one);
      this.#changed();
    });
  }

  /** Resolves when it is so, or the time is over. */
  async #until(isSo: () => boolean, most: number): Promise<void> {
    const over = new AbortController();
    const timeout = sleep(most, true, { signal: over.signal }).catch(() => true);
    for (let isOver = false; !isSo() && !isOver; ) {
      const changed = new Promise<boolean>((resolve) => {
        this.#changed = () => resolve(false);
      });
      isOver = await Promise.race([changed, timeout]);
    }
    over.abort();
  }
}

/**
 * Resolves when the primary of node:cluster knows that servers have stopped listening: it hands over no more connections of
 * theirs, and Node has handed late ones back. A process that ends sooner leaves their clients waiting for ever.
 */
async function primaryKnows(): Promise<void> {
  if (!cluster.worker?.isConnected()) return;
  // It answers in order. An error is an answer, too.
  const probe = createServer();
  await once(probe.listen(0, '127.0.0.1'), 'listening').catch(() => {});
  probe.close();
}

/** https://www.rfc-editor.org/rfc/rfc9112#section-9.6. (A session of HTTP/2 is closed as a whole.) */
function closeBehind(req: Request, res: Response): void {
  if (!isHttp2(req) && !res.headersSent) res.setHeader('Connection', 'close');
}
