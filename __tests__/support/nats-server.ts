import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { ChildEngine, type Engine } from './engine.js';
import type { Program } from './needs.js';

export const NATS: Program = {
  name: 'NATS',
  variable: 'NATS_SERVER',
  commands: ['nats-server', '/usr/sbin/nats-server'],
};

/** A server with JetStream, its streams in files. */
export function natsServer(path: string): Engine {
  return new ChildNats(path);
}

class ChildNats extends ChildEngine {
  readonly #name = randomUUID();

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  protected args(data: string, [port]: readonly number[]): string[] {
    return ['-a', '127.0.0.1', '-p', String(port), '-n', this.#name, '-js', '-sd', data];
  }

  /** It opens its port when its streams are back, and then greets with a line that has its name. */
  protected async isReady(): Promise<boolean> {
    const socket = connect({ host: '127.0.0.1', port: this.port });
    try {
      const [greeting] = await once(socket, 'data');
      return String(greeting).includes(this.#name);
    } finally {
      socket.destroy();
    }
  }
}
