import { SseError } from '../errors.js';
import { type AnswerHost, RunningAnswer } from './answer.js';
import type { Known, Verdict } from './registry.js';

/** An answer that begins here. */
interface Starting {
  readonly resolve: (answer: RunningAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/** The answers that are produced in this process, and those that are about to be, by their tokens. */
export class LocalAnswers {
  readonly #host: AnswerHost;
  readonly #producer: string;
  readonly #mostEvents: number;
  readonly #running = new Map<string, RunningAnswer>();
  readonly #starting = new Map<string, Starting>();

  constructor(host: AnswerHost, producer: string, mostEvents: number) {
    this.#host = host;
    this.#producer = producer;
    this.#mostEvents = mostEvents;
  }

  get areRunning(): boolean {
    return this.#running.size > 0;
  }

  has({ token }: Known): boolean {
    return this.#running.has(token);
  }

  /** Resolves when the answer with this token has begun. */
  beginning(token: string): Promise<RunningAnswer> {
    return new Promise((resolve, reject) => {
      this.#starting.set(token, { resolve, reject });
    });
  }

  /** It does not begin, for this reason. */
  refuse(token: string, reason: unknown): void {
    this.#starting.get(token)?.reject(reason);
    this.#starting.delete(token);
  }

  /** None of those that are about to begin does. */
  refuseAll(reason: unknown): void {
    for (const token of [...this.#starting.keys()]) this.refuse(token, reason);
  }

  /** The log says whether an answer has begun, in whatever process. */
  decided(token: string, verdict: Verdict): void {
    if (typeof verdict === 'string') {
      this.refuse(token, this.#refusal(verdict));
      return;
    }
    if (verdict.producer !== this.#producer) return;
    const starting = this.#starting.get(token);
    this.#starting.delete(token);
    const answer = new RunningAnswer(verdict, this.#host, this.#mostEvents);
    this.#running.set(token, answer);
    if (starting !== undefined) starting.resolve(answer);
    // Its `start` has rejected: the log stored it all the same.
    else void answer.fail('lost');
  }

  /** It runs here no more, if it did. */
  over({ token }: Known, why: string): void {
    this.#running.get(token)?.ended(why);
    this.#running.delete(token);
  }

  failAll(reason: string): void {
    for (const answer of this.#running.values()) void answer.fail(reason);
  }

  /** Resolves when none runs. */
  async settled(): Promise<void> {
    while (this.areRunning) {
      await Promise.all([...this.#running.values()].map(({ over }) => over));
    }
  }

  #refusal(verdict: 'exists' | 'full'): SseError {
    if (verdict === 'exists') {
      return new SseError('ERR_SSE_ANSWER_EXISTS', 'an answer with this id runs already');
    }
    const { maxAnswers } = this.#host.settings;
    const message = `${maxAnswers} answers are running, as many as maxAnswers allows`;
    return new SseError('ERR_SSE_ANSWERS_FULL', message);
  }
}
