import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChildEngine } from './engine.js';
import { command, type RedisServer } from './redis-server.js';

/** What the sentinel calls the servers that it looks after. */
export const MASTER_NAME = 'main';

/** Looks after one master, and promotes its replica within some two seconds. */
export class RedisSentinel extends ChildEngine {
  readonly #master: RedisServer;

  /** The master and its replica have to be started before it is. */
  constructor(master: RedisServer) {
    super(master.path);
    this.#master = master;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  protected args(data: string, [port]: readonly number[]): string[] {
    // It keeps what it knows in there, and so doesn't take all of that from the command line.
    const file = join(data, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${this.#master.port} 1`,
      `sentinel down-after-milliseconds ${MASTER_NAME} 500`,
      `sentinel failover-timeout ${MASTER_NAME} 2000`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  }

  /** It knows the replica. */
  protected async isReady(pid: number): Promise<boolean> {
    const info = String(await command(this.port, 'INFO'));
    return info.includes(`process_id:${pid}\r`) && /^master0:.*,slaves=1,/m.test(info);
  }
}
