import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { natsLog } from 'express-sse-hub/nats';

/** The log in NATS. Waits until NATS is there. */
export async function openNats(servers) {
  const impatience = setTimeout(() => console.warn('NATS can’t be reached yet.'), 2000);
  const connection = await connect({
    servers,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    pingInterval: 2000,
  });
  clearTimeout(impatience);
  return {
    name: 'NATS',
    log: natsLog(jetstream(connection), { prefix: 'example-app' }),
    // A stream of NATS has one bound for all: the readings of a minute or so, and the messages among them.
    start: { last: 500 },
    close() {
      return connection.close();
    },
  };
}
