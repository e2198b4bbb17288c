import { parseData } from '../stream/options.js';

/** What a hub says at the beginning of a stream. */
export class Opening {
  /** The interval of the heartbeats, in ms, once it is known. */
  heartbeat: number | undefined;
  /** Whether the client has everything there was. */
  isOver = false;
  #live: string | undefined;

  see(type: string, data: string): void {
    if (this.isOver) return;
    if (type === this.#live) {
      this.isOver = true;
    } else if (this.#live === undefined) {
      const { heartbeat, live } = Object(type === 'ready' ? parseData(data) : undefined);
      if (typeof heartbeat === 'number') this.heartbeat = heartbeat;
      if (typeof live === 'string') this.#live = live;
      // Without a word of it, all is live.
      else this.isOver = true;
    }
  }
}
