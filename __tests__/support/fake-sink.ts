import type { Sink, SinkOwner } from '../../lib/client/sink.js';
import type { Batch } from '../../lib/window/batch.js';

/** A peer whose every answer is the test's to give: for what no real socket brings about on demand. */
export class FakeSink implements Sink {
  owner!: SinkOwner;
  /** What `write` answers; false is a peer that takes no more. */
  open = true;
  text = '';
  ended = false;
  destroyed = false;
  onWrite: (batch: Batch) => void = () => {};

  bind(owner: SinkOwner): void {
    this.owner = owner;
  }

  preload(): void {}

  write(batch: Batch): boolean {
    this.text += batch.bytes.toString();
    this.onWrite(batch);
    return this.open;
  }

  drain(): void {
    this.open = true;
    this.owner.drained();
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** The data of the events that were written, in order. */
  get data(): string[] {
    const events = this.text
      .split('\n\n')
      .filter((block) => !/^event: (ready|heartbeat)$/m.test(block));
    return [...events.join('\n').matchAll(/^data: (.*)$/gm)].map((match) => match[1] as string);
  }
}

/** Lets the event loop go round once: all that was due in this turn has happened then. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets all promises settle that can without another turn of the event loop. */
export function microtasks(): Promise<void> {
  return new Promise((resolve) => process.nextTick(() => queueMicrotask(() => resolve())));
}
