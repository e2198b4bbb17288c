import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Spreads connections over ports in turn, and passes over those where nobody listens. */
export class Balancer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #turn = 0;

  private constructor(
    /** May change at any time. */
    readonly ports: number[],
  ) {
    this.#server = createServer((socket) => this.#pass(socket));
  }

  static async open(ports: number[]): Promise<Balancer> {
    const balancer = new Balancer(ports);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server.close(), 'close');
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #pass(client: Socket, attempts = this.ports.length): void {
    const port = this.ports[this.#turn++ % this.ports.length] as number;
    const target = connect(port, '127.0.0.1');
    let isUp = false;
    target.once('connect', () => {
      isUp = true;
      client.pipe(target).pipe(client);
    });
    target.on('error', () => {});
    target.once('close', () => {
      this.#sockets.delete(target);
      if (isUp || attempts === 1) client.destroy();
      else this.#pass(client, attempts - 1);
    });
    client.on('error', () => {});
    client.once('close', () => {
      this.#sockets.delete(client);
      target.destroy();
    });
    this.#sockets.add(client).add(target);
  }
}
