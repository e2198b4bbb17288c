import { ChildEngine } from '../engine.js';
import type { ProxyProgram } from './programs.js';

/** A proxy in front of an app, with the settings that the page gives. */
export class ProxyServer extends ChildEngine {
  constructor(
    path: string,
    private readonly program: ProxyProgram,
    private readonly appPort: number,
  ) {
    super(path);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Again, at the same port: a process of the killed one may still have it for a moment. */
  async startAgain(): Promise<void> {
    for (;;) {
      try {
        return await this.start();
      } catch (error) {
        if (!/address already in use/i.test(String(error))) throw error;
      }
    }
  }

  protected args(folder: string, [port]: readonly number[]): string[] {
    return [...this.program.prepare({ port: port as number, appPort: this.appPort, folder })];
  }

  /** Any answer will do. (Vite opens its port for a moment before it serves there.) */
  protected async isReady(): Promise<boolean> {
    await fetch(this.url, { method: 'HEAD', headers: { Connection: 'close' } });
    return true;
  }
}
