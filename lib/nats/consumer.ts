import { PAGE_BYTES } from '../log/shared/engine.js';
import type { JetStream, OrderedConsumer, StoredMessage } from './client.js';

/** How long to wait for a message, in ms. */
export const WAIT = 1000;

/** After how long JetStream forgets a consumer that nobody reads from, in ms. */
const FORGET_CONSUMER = 60_000;

/** A consumer of what lies above a sequence, of these subjects alone where there are some. */
export function consumerAbove(
  js: JetStream,
  stream: string,
  after: number,
  subjects?: string | string[],
): Promise<OrderedConsumer> {
  return js.consumers.get(stream, {
    opt_start_seq: after + 1,
    deliver_policy: 'by_start_sequence',
    inactive_threshold: FORGET_CONSUMER,
    ...(subjects !== undefined && { filter_subjects: subjects }),
  });
}

/** So many of its messages, and fewer where they are large. */
export async function fetchPage(
  consumer: OrderedConsumer,
  count: number,
): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = [];
  let bytes = 0;
  for await (const message of await consumer.fetch({ max_messages: count, expires: WAIT })) {
    messages.push(message);
    bytes += message.data.length;
    if (bytes >= PAGE_BYTES) break;
  }
  return messages;
}
