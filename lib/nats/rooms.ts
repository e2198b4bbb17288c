import { createHash } from 'node:crypto';
import type { LogRecord } from '../log/log.js';
import type { Expect } from '../log/shared/engine.js';
import type { JetStream, OrderedConsumer, StoredMessage } from './client.js';
import { consumerAbove, fetchPage } from './consumer.js';

/** The subject of a log's events for everybody; those for rooms have others below it. */
export function subjectFor(base: string, { rooms, isEphemeral }: LogRecord): string {
  if (isEphemeral) return `${base}.ephemeral`;
  if (rooms === undefined) return base;
  const [room, ...others] = new Set(rooms);
  return room === undefined || others.length > 0 ? `${base}.rooms` : subjectOf(base, room);
}

/** Names of rooms may have any characters, and any length. */
function subjectOf(base: string, room: string): string {
  return `${base}.room.${createHash('sha256').update(room).digest('base64url')}`;
}

/** Messages in order, and up to where they are all there are. */
interface Found {
  readonly messages: readonly StoredMessage[];
  readonly through: number;
}

/** Reads what is for some rooms from a stream, by its subjects. */
export class RoomReader {
  readonly #js: JetStream;
  readonly #stream: string;
  readonly #base: string;
  /** Whether one consumer can have several subjects: from NATS 2.10 on. */
  #takesSeveral = true;

  constructor(js: JetStream, stream: string, base: string) {
    this.#js = js;
    this.#stream = stream;
    this.#base = base;
  }

  /** The messages above a sequence, up to `head`. They may be for other rooms as well, but for several rooms at once. */
  async read(after: number, head: number, limit: number, rooms: readonly string[]): Promise<Found> {
    const found = await this.#each(after, rooms, (consumer) => fetchSome(consumer, head, limit));
    const through = Math.min(...found.map((one) => one.through));
    const all = found
      .flatMap((one) => one.messages)
      .filter(({ seq }) => seq <= through)
      .sort((one, other) => one.seq - other.seq);
    const messages = all.slice(0, limit);
    const isWhole = messages.length === all.length;
    return { messages, through: isWhole ? through : (messages.at(-1) as StoredMessage).seq };
  }

  /**
   * The sequence right before the newest `count` messages of those above `trimmedTo`. Those for several rooms count,
   * whether these rooms are among them or not.
   */
  async last(
    trimmedTo: number,
    head: number,
    count: number,
    rooms: readonly string[],
    expect: Expect,
  ): Promise<number> {
    const has = async (after: number) => {
      expect(0);
      const pending = await this.#each(after, rooms, async (consumer) => {
        return (await consumer.info(true)).num_pending;
      });
      return pending.reduce((sum, one) => sum + one, 0) >= count;
    };
    // The place is looked for from the end: most often it is near.
    let [above, below] = [head, trimmedTo];
    for (let way = count; head - way > trimmedTo; way *= 4) {
      if (await has(head - way)) {
        below = head - way;
        break;
      }
      above = head - way;
    }
    if (below === trimmedTo && !(await has(trimmedTo))) return trimmedTo;
    while (above - below > 1) {
      const middle = Math.floor((above + below) / 2);
      if (await has(middle)) below = middle;
      else above = middle;
    }
    return below;
  }

  /** Does one thing with a consumer of the log's subject, and with one of those below it, or one of each. */
  async #each<T>(
    after: number,
    rooms: readonly string[],
    use: (consumer: OrderedConsumer) => Promise<T>,
  ): Promise<T[]> {
    const own = rooms.map((room) => subjectOf(this.#base, room));
    const below = own.length > 0 ? [`${this.#base}.rooms`, ...own] : [];
    const withOne = async (filter: string | string[]) => {
      const consumer = await consumerAbove(this.#js, this.#stream, after, filter);
      try {
        return await use(consumer);
      } finally {
        consumer.delete().catch(() => {});
      }
    };
    const withAll = async () => {
      if (!this.#takesSeveral || below.length === 0) return Promise.all(below.map(withOne));
      try {
        return [await withOne(below)];
      } catch (error) {
        if ((error as Error).name !== 'InvalidArgumentError') throw error;
        this.#takesSeveral = false;
        return Promise.all(below.map(withOne));
      }
    };
    // NATS 2.10 leaves messages out for a consumer of a subject and of others that begin with it.
    const [forAll, forRooms] = await Promise.all([withOne(this.#base), withAll()]);
    return [forAll, ...forRooms];
  }
}

async function fetchSome(consumer: OrderedConsumer, head: number, limit: number): Promise<Found> {
  const { num_pending } = await consumer.info(true);
  const count = Math.min(limit, num_pending);
  if (count === 0) return { messages: [], through: head };
  const messages = await fetchPage(consumer, count);
  const last = messages.at(-1);
  if (last === undefined) throw new Error('NATS gave no messages');
  return {
    messages,
    through: messages.length === num_pending ? Math.max(head, last.seq) : last.seq,
  };
}
