// One run: a server and a load, each in a process that was started for it and ends with it.
import { setTimeout as wait } from 'node:timers/promises';
import { inTime } from './in-time.mjs';
import { forkModule, spawnProgram } from './rpc.mjs';

/** So long a process may take to end things well. */
const STOP_MS = 2000;
/** By then, whatever comes too late has come. */
const LATE_MS = 100;
/** Of the events for those who read nothing. */
const FILL_SIZE = 64 * 1024;

/** Gives `run` a session with this target, and ends both processes whatever comes of it. */
export async function withSession({ target, gc = false, track = false, size }, run) {
  const { module, options, program, lateHead = false } = target;
  const server = program
    ? spawnProgram(program)
    : forkModule('server.mjs', gc ? ['--expose-gc'] : []);
  const load = forkModule('load.mjs');
  try {
    const work = async () => {
      const { port } = await server.call('open', { module, options, track });
      const session = new Session(server, load, port, size, lateHead);
      const figures = await run(session);
      await session.check();
      return figures;
    };
    return await inTime(work());
  } finally {
    // In this order, and without patience: whatever has failed may hang, or be gone already.
    for (const [peer, method] of [
      [load, 'reset'],
      [server, 'close'],
    ]) {
      await Promise.race([
        peer.call(method).catch(() => {}),
        wait(STOP_MS, undefined, { ref: false }),
      ]);
    }
    await Promise.all([load.stop(), server.stop()]);
  }
}

class Session {
  #load;
  #port;
  #size;
  #lateHead;
  /** How many events were sent so far. */
  total = 0;
  /** How many clients read. */
  clients = 0;

  constructor(server, load, port, size, lateHead) {
    this.server = server;
    this.#load = load;
    this.#port = port;
    this.#size = size;
    this.#lateHead = lateHead;
  }

  async connect(count, { stalled = false, headers = '', connection } = {}) {
    const [port, first, size, lateHead] = [this.#port, this.total, this.#size, this.#lateHead];
    const clients = { port, count, headers, connection, first, size, stalled, lateHead };
    await this.#load.call('connect', clients);
    if (!stalled) this.clients += count;
    if (lateHead) await this.server.call('connected', { count: this.clients });
  }

  /** Sends; resolves when every client that reads has everything. Times are in microseconds. */
  async send(plan) {
    const sent = await this.server.call('send', { size: this.#size, ...plan });
    this.total = sent.total;
    const { at } = await this.#load.call('arrived', { total: this.total });
    return { took: at - sent.startedAt, latest: sent.latest };
  }

  /** What `work` costs both sides, and what the clients saw of it. */
  async measured(work) {
    await this.#load.call('mark');
    await this.server.call('spend');
    const result = await work();
    const { cpu } = await this.server.call('spent');
    return { result, cpu, load: await this.#load.call('report') };
  }

  /** Throws if anything came after the last event that nobody has sent. */
  async check() {
    await wait(LATE_MS);
    await this.#load.call('arrived', { total: this.total });
  }

  /** For `fill` of the server, which sends as well. */
  async fill(limit) {
    const { full, total } = await this.server.call('fill', { size: FILL_SIZE, limit });
    this.total = total;
    return full;
  }
}
