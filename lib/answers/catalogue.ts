import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEntry } from '../log/log.js';
import type { RoomyLog } from './options.js';
import { INDEX, type Registry } from './registry.js';

/** How many entries are read at a time. */
const PAGE_SIZE = 1000;

/** After how long a log that could not be read is asked again, in ms. */
const RETRY_DELAY = 500;

/** Tells the registry of everything in the log: of what it has already, and of what comes. */
export class Catalogue {
  /** Resolves when the registry knows all that there was when the log began. */
  ready = Promise.resolve();
  epoch = '';
  readonly #log: RoomyLog;
  readonly #registry: Registry;
  #begun: () => void = () => {};
  /** What has come while the log was being read. */
  #waiting: LogEntry[] | undefined = [];
  #reached = 0;
  #reading = 0;

  constructor(log: RoomyLog, registry: Registry) {
    this.#log = log;
    this.#registry = registry;
    this.#unready();
  }

  /** The log begins there, for the first time or because entries were lost. */
  begin(epoch: string, head: number): void {
    if (epoch !== this.epoch) {
      this.#reached = 0;
      this.#registry.clear();
    }
    this.epoch = epoch;
    if (this.#waiting === undefined) this.#unready();
    this.#waiting = [];
    this.#reading++;
    if (head === 0) this.#caughtUp(head);
    else void this.#read(this.#reading, head);
  }

  entry(entry: LogEntry): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(entry);
      return;
    }
    this.#reached = entry.sequence;
    this.#registry.see(entry);
  }

  #unready(): void {
    this.ready = new Promise((resolve) => {
      this.#begun = resolve;
    });
  }

  #caughtUp(head: number): void {
    this.#reached = Math.max(this.#reached, head);
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const entry of waiting) if (entry.sequence > this.#reached) this.entry(entry);
    this.#begun();
  }

  async #read(reading: number, head: number): Promise<void> {
    while (this.#reached < head) {
      try {
        const page = await this.#log.readRooms(this.#reached, PAGE_SIZE, [INDEX]);
        if (reading !== this.#reading) return;
        for (const entry of page.entries) this.#registry.see(entry);
        this.#reached = Math.max(page.through, this.#reached);
      } catch {
        await sleep(RETRY_DELAY, undefined, { ref: false });
        if (reading !== this.#reading) return;
      }
    }
    this.#caughtUp(head);
  }
}
