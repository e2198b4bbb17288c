import { connect } from './client.js';

/**
 * The page's stream. All pages of a browser that hear the same boards share a connection.
 *
 * - `address()`: where the stream is to be had now
 * - `on`: a handler for each type of event
 * - `onLost()`: the stream broke off, and is being tried again
 * - `onLive(missed)`: everything is here. After a loss, `missed` says how many `events` came late, and whether there was a
 *   `gap`
 */
export function keepConnected({ address, on, onLost, onLive }) {
  let stream;
  let missed;

  function open() {
    stream = connect(address(), { share: true });
    for (const [type, handle] of Object.entries(on)) {
      stream.on(type, (data) => {
        if (missed) missed.events++;
        handle(data);
      });
    }
    stream.on('gap', () => {
      if (missed) missed.gap = true;
    });
    stream.onState((state) => {
      if (state === 'live') {
        onLive(missed);
        missed = undefined;
      } else if (state === 'waiting' || state === 'offline') {
        missed ??= { events: 0, gap: false };
        onLost();
      }
    });
  }

  open();
  return {
    /** Goes over to what `address()` is now, from its beginning: what is known already comes again. */
    restart() {
      stream.close();
      open();
    },
  };
}
