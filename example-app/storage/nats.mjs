import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { natsLog } from 'express-sse-hub/nats';

/** The log and the boards in NATS, in one stream each. Waits until NATS is there. */
export async function openNats(servers, capacity) {
  const impatience = setTimeout(() => console.warn('NATS can’t be reached yet.'), 2000);
  const connection = await connect({
    servers,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    pingInterval: 2000,
  });
  clearTimeout(impatience);
  const js = jetstream(connection);
  const manager = await jetstreamManager(connection);
  const stream = 'example-app-boards';
  const subject = (board) => `example-app.board.${board}`;

  /** Makes the stream, unless it is there. */
  function ensureStream() {
    return manager.streams.add({
      name: stream,
      subjects: [subject('*')],
      max_msgs_per_subject: capacity,
    });
  }

  return {
    name: 'NATS',
    log: natsLog(js, { prefix: 'example-app' }),
    async newest(board) {
      await ensureStream();
      const filter = subject(board);
      const { state } = await manager.streams.info(stream, { subjects_filter: filter });
      const count = state.subjects?.[filter] ?? 0;
      if (count === 0) return [];
      const consumer = await js.consumers.get(stream, { filter_subjects: filter });
      const messages = [];
      for await (const message of await consumer.fetch({ max_messages: count, expires: 1000 })) {
        messages.push(message.json());
        if (message.info.pending === 0) break;
      }
      return messages;
    },
    async add(message) {
      await ensureStream();
      await js.publish(subject(message.board), JSON.stringify(message));
    },
    close() {
      return connection.close();
    },
  };
}
