import { setTimeout as sleep } from 'node:timers/promises';
import type { Extent, Known } from '../log/shared/engine.js';
import type { SharedLogSettings } from '../log/shared/options.js';
import {
  type JetStreamManager,
  STREAM_NAME_IN_USE,
  STREAM_NOT_FOUND,
  type StreamInfo,
  SUBJECTS_OVERLAP,
} from './client.js';
import { decode, describeEpoch, extentOf, isBorn, isLed, isNew } from './format.js';

export interface StreamSettings extends SharedLogSettings {
  readonly replicas: number;
}

/** How often, and after how many ms, a stream is looked at that another node is making. */
const MOST_LOOKS = 20;
const LOOK_INTERVAL = 25;

/** How long a server may take to delete a stream after it says that there is none, in ms. */
const DELETION = 1000;

/** After how long a stream that is new, or seems to have lost messages, is looked at again, in ms. */
const SECOND_LOOK = 500;

/** For how long JetStream remembers a message, so that it is stored once, in ms. */
const DUPLICATE_WINDOW = 2 * 60 * 1000;

const NANOSECONDS = 1e6;

/** The stream that holds a log: how it is made, what it has, and when it begins a new epoch. */
export class NatsStream {
  readonly name: string;
  readonly subject: string;
  /** Whether it takes the subjects of rooms: one that an earlier version has made has the one subject alone. */
  hasRooms = true;
  readonly #manager: JetStreamManager;
  readonly #settings: StreamSettings;
  /** The date of creation that was seen last, while the stream is new. */
  #created = '';
  /** Ends the waits. */
  readonly #signal: AbortSignal;

  constructor(manager: JetStreamManager, settings: StreamSettings, signal: AbortSignal) {
    this.name = `sse_${settings.prefix}`;
    this.subject = `sse.${settings.prefix}`;
    this.#manager = manager;
    this.#settings = settings;
    this.#signal = signal;
  }

  /** What the stream has. The stream is made if it is not there. */
  async extent(wasThere = true): Promise<Extent> {
    return extentOf(this.name, await this.#info(wasThere));
  }

  /** The same; a new epoch begins where the stream has lost the entry `known`. */
  async sync(known: Known | undefined): Promise<Extent> {
    const extent = await this.extent(known !== undefined);
    if (known === undefined || !(await this.#hasLost(known, extent))) return extent;
    // A leader that has only just been elected may have to read first what it has.
    await sleep(SECOND_LOOK, undefined, { signal: this.#signal });
    const again = await this.extent();
    return (await this.#hasLost(known, again)) ? this.beginEpoch(again.head, known) : again;
  }

  /** A stream has no epoch but its date of birth: how many began since is kept in its description. */
  async beginEpoch(start: number, { epoch, former }: Known): Promise<Extent> {
    let info = await this.#info();
    const over = [...former, epoch];
    // Another node may have noticed as well, and been quicker.
    if (over.includes(extentOf(this.name, info).epoch)) {
      const description = describeEpoch(this.name, info, start, over);
      info = await this.#manager.streams.update(this.name, { description });
    }
    return extentOf(this.name, info);
  }

  /** Whether there is a message above this sequence. */
  async has(after: number): Promise<boolean> {
    const { getMessage } = this.#manager.streams;
    const find = (subject: string) =>
      getMessage.call(this.#manager.streams, this.name, { seq: after + 1, next_by_subj: subject });
    const found = await Promise.all(this.#subjects.map(find));
    return found.some((message) => message !== null);
  }

  async #info(wasThere = true): Promise<StreamInfo> {
    let info = await this.#find();
    if (info === undefined && wasThere) {
      // The server takes a stream off its list before it deletes the files: those of a new stream
      // would be deleted with them.
      await sleep(DELETION, undefined, { signal: this.#signal });
      info = await this.#find();
    }
    this.#signal.throwIfAborted();
    info ??= await this.#make();
    for (let looks = 0; !isBorn(info); looks++) {
      if (looks === MOST_LOOKS) throw new Error('NATS does not finish to make the stream');
      await sleep(LOOK_INTERVAL, undefined, { signal: this.#signal });
      info = await this.#look();
    }
    // In a cluster, nodes that make the stream at once may get different dates of creation.
    while (isNew(info) && info.created !== this.#created) {
      this.#created = info.created;
      await sleep(SECOND_LOOK, undefined, { signal: this.#signal });
      info = await this.#look();
    }
    const { subjects = [] } = info.config;
    this.hasRooms = this.#subjects.every((subject) => subjects.includes(subject));
    return info;
  }

  get #subjects(): readonly string[] {
    return [this.subject, `${this.subject}.>`];
  }

  async #find(): Promise<StreamInfo | undefined> {
    try {
      return await this.#look();
    } catch (error) {
      if ((error as { code?: unknown }).code !== STREAM_NOT_FOUND) throw error;
      return undefined;
    }
  }

  async #look(): Promise<StreamInfo> {
    const info = await this.#manager.streams.info(this.name);
    if (!isLed(info)) throw new Error('the stream has no leader now');
    return info;
  }

  async #make(): Promise<StreamInfo> {
    const { events, age, replicas } = this.#settings;
    try {
      return await this.#manager.streams.add({
        name: this.name,
        subjects: this.#subjects,
        storage: 'file',
        discard: 'old',
        max_msgs: Number.isFinite(events) ? events : -1,
        max_age: Number.isFinite(age) ? age * NANOSECONDS : 0,
        duplicate_window:
          (Number.isFinite(age) ? Math.min(age, DUPLICATE_WINDOW) : DUPLICATE_WINDOW) * NANOSECONDS,
        num_replicas: replicas,
      });
    } catch (error) {
      // Another node was quicker.
      const { code } = error as { code?: unknown };
      if (code !== STREAM_NAME_IN_USE && code !== SUBJECTS_OVERLAP) throw error;
      return this.#look();
    }
  }

  /** Whether an entry that was there is not, other than for its age, or is another one. */
  async #hasLost(known: Known, { epoch, trimmedTo, head }: Extent): Promise<boolean> {
    const { sequence, tag } = known;
    if (known.epoch !== epoch) return known.former.includes(epoch);
    if (head < sequence) return true;
    if (tag === '' || sequence <= trimmedTo) return false;
    const message = await this.#manager.streams.getMessage(this.name, { seq: sequence });
    return message !== null && decode(message).tag !== tag;
  }
}
