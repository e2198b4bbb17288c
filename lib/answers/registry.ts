import type { Client } from '../client/client.js';
import { readFrame } from '../frame.js';
import type { LogEntry } from '../log/log.js';
import { parseJson } from '../util/json.js';
import type { AnswerEnd, AnswerStatus } from './options.js';

/** The room that says which answers there are. Their readers are not in it. */
export const INDEX = 'index';

const PREFIX = 'answer:';

/** The room of an answer's events, by the token of its producer: an id may be used again. */
export function roomOf(token: string): string {
  return PREFIX + token;
}

export function isRoomOfAnswer(room: string): boolean {
  return room.startsWith(PREFIX);
}

/** The types of the events for the index. */
export const START = 'start';
export const ALIVE = 'alive';

/** What says that an answer begins. */
export interface Beginning {
  readonly id: string;
  readonly token: string;
  /** The process that it is produced in. */
  readonly producer: string;
  /** When it began, by the clock of its process. */
  readonly at: number;
}

/** An answer, as all processes know it. */
export interface Known extends Beginning {
  readonly room: string;
  /** The sequence of the entry that began it. */
  readonly start: number;
  status: AnswerStatus;
  /** The sequence of its end event. */
  end: number | undefined;
  readonly readers: Set<Client>;
  /** Resolves when it runs no more. */
  readonly over: Promise<void>;
  readonly settle: () => void;
}

/** What the log says of an answer that is to begin: there is one with its id that still runs, or too many run. */
export type Verdict = Known | 'exists' | 'full';

/** What happens to answers. */
export interface RegistryHooks {
  started(token: string, verdict: Verdict): void;
  ended(answer: Known): void;
  /** An answer is not known any more. One that was running is lost. */
  dropped(answer: Known): void;
  /** There is a sign of life of a process. */
  alive(producer: string): void;
}

/**
 * The answers there are: the log's entries in their order say it, and so all processes agree. The first end of an answer is
 * its end.
 */
export class Registry {
  readonly #maxAnswers: number;
  readonly #hooks: RegistryHooks;
  /** Ordered by their beginnings. */
  readonly #byId = new Map<string, Known>();
  readonly #byRoom = new Map<string, Known>();

  constructor(maxAnswers: number, hooks: RegistryHooks) {
    this.#maxAnswers = maxAnswers;
    this.#hooks = hooks;
  }

  get(id: string): Known | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Known> {
    return this.#byId.values();
  }

  see({ sequence, rooms, fields }: LogEntry): void {
    const [first, second, status] = rooms ?? [];
    if (first === INDEX) this.#note(sequence, fields);
    else if (first !== undefined) {
      const answer = this.#byRoom.get(first);
      if (answer === undefined) return;
      if (second === INDEX) this.#end(answer, sequence, status as AnswerEnd['status']);
      else this.#hooks.alive(answer.producer);
    }
  }

  /** Nothing is known any more: the log was reset. */
  clear(): void {
    for (const answer of [...this.#byId.values()]) this.drop(answer);
  }

  drop(answer: Known): void {
    if (!this.#byRoom.delete(answer.room)) return;
    this.#byId.delete(answer.id);
    this.#hooks.dropped(answer);
    answer.settle();
  }

  #note(sequence: number, fields: Buffer): void {
    const { type, data } = readFrame(fields);
    const said = (parseJson(data) ?? {}) as Beginning;
    if (type === ALIVE) this.#hooks.alive(said.producer);
    else if (type === START) this.#hooks.started(said.token, this.#start(said, sequence));
  }

  #start(beginning: Beginning, start: number): Verdict {
    const before = this.#byId.get(beginning.id);
    if (before?.status === 'running') return 'exists';
    if (before !== undefined) this.drop(before);
    if (this.#byId.size >= this.#maxAnswers && !this.#makeRoom()) return 'full';
    const room = roomOf(beginning.token);
    const { id, token, producer, at } = beginning;
    let settle = () => {};
    const over = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const answer: Known = {
      ...{ id, token, producer, at, room, start, over, settle },
      readers: new Set<Client>(),
      status: 'running',
      end: undefined,
    };
    this.#byId.set(id, answer);
    this.#byRoom.set(room, answer);
    this.#hooks.alive(producer);
    return answer;
  }

  /** Drops the oldest answer that has ended. */
  #makeRoom(): boolean {
    for (const answer of this.#byId.values()) {
      if (answer.status === 'running') continue;
      this.drop(answer);
      return true;
    }
    return false;
  }

  #end(answer: Known, sequence: number, status: AnswerEnd['status']): void {
    if (answer.status !== 'running') return;
    answer.status = status;
    answer.end = sequence;
    this.#hooks.ended(answer);
    answer.settle();
  }
}
