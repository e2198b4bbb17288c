import { describe, kindOf, SseError } from '../errors.js';
import type { Encode } from '../frame.js';
import { type Publisher, readSendOptions, type SendOptions } from '../publisher.js';
import type { Reporter } from '../util/logger.js';
import { Outcome } from '../util/outcome.js';
import type { PublishQueue } from './publish-queue.js';

/** Encodes events, and hands them to the publish queue: for these rooms, or for all clients. */
export class EventPublisher implements Publisher {
  readonly #queue: PublishQueue;
  readonly #encode: Encode;
  readonly #reporter: Reporter;
  readonly #rooms: readonly string[] | undefined;

  constructor(
    queue: PublishQueue,
    encode: Encode,
    reporter: Reporter,
    rooms?: readonly string[] | undefined,
  ) {
    this.#queue = queue;
    this.#encode = encode;
    this.#reporter = reporter;
    this.#rooms = rooms;
  }

  send(data?: unknown, options?: SendOptions): Promise<string> {
    return this.sendEvent('message', data, options);
  }

  sendEvent(type: string, data?: unknown, options?: SendOptions): Promise<string> {
    // A logger that sends its lines would have the failure of each of them logged, for ever.
    const isReport = this.#reporter.isReporting;
    return Outcome.of(
      () => {
        const { signal, retry, conflate, ephemeral, except } = readSendOptions(options);
        const fields = this.#encode(type, data, retry);
        signal?.throwIfAborted();
        const record = { fields, rooms: this.#rooms, conflate, except, isEphemeral: ephemeral };
        return this.#queue.send(record, signal, !isReport);
      },
      (error) => {
        if (!isReport) this.#unheard(error);
      },
    );
  }

  #unheard(error: unknown): void {
    // The logger has received a line about the log already.
    if (error instanceof SseError && this.#reporter.hasLogger) return;
    this.#reporter.unheard(kindOf(error), `event not sent: ${describe(error)}`);
  }
}
