const silenceLimit = 6000;

/**
 * Keeps a stream open for as long as the page lives. When it comes back after it was lost, the server
 * sends what was missed, and then the event `caught-up`.
 *
 * - `address()`: where the stream is to be had now
 * - `on`: a handler for each type of event
 * - `onGap()`: some events were missed that the server has no more
 * - `onLost()`: the stream broke off, and is being tried again
 * - `onOpen(greeting, missed)`: everything is here. `greeting` came with `caught-up`. After a loss,
 *   `missed` says how many `events` came late, and whether there was a `gap`
 */
export function connect({ address, on, onGap, onLost, onOpen }) {
  let source;
  let lastEventId = '';
  let lost = false;
  let missed;
  let silence;
  let pause;

  function open() {
    const url = new URL(address(), document.baseURI);
    // A new EventSource has forgotten where the old one stood.
    if (lastEventId) url.searchParams.set('lastEventId', lastEventId);
    source = new EventSource(url);

    source.onopen = () => {
      listen();
      missed ??= { events: 0, gap: false }; // it may break off again before all is here
    };
    source.onerror = () => {
      lose();
      // After a lost connection EventSource tries again by itself, and says where it stood. After an
      // answer that is no event stream (a proxy's error page, say) it gives up for good.
      if (source.readyState === EventSource.CLOSED) retry();
    };
    for (const [type, handle] of Object.entries(on)) {
      hear(type, (data) => {
        if (missed) missed.events++;
        handle(data);
      });
    }
    hear('gap', () => {
      if (missed) missed.gap = true;
      onGap();
    });
    hear('caught-up', (greeting) => {
      onOpen(greeting, lost ? missed : undefined);
      lost = false;
      missed = undefined;
    });
    listen();
  }

  function hear(type, handle) {
    source.addEventListener(type, (event) => {
      listen();
      lastEventId = event.lastEventId;
      handle(event.data && JSON.parse(event.data));
    });
  }

  function lose() {
    lost = true;
    onLost();
  }

  function retry() {
    close();
    // Not all pages at once.
    pause = setTimeout(open, 1000 + Math.random() * 2000);
  }

  function close() {
    clearTimeout(silence);
    clearTimeout(pause);
    source.close();
  }

  // Something comes every second. A stream that is silent for long is dead, even if nobody said so:
  // the computer slept, or a network went away without a word.
  function listen() {
    clearTimeout(silence);
    silence = setTimeout(() => {
      lose();
      retry();
    }, silenceLimit);
  }

  /** Goes over to what `address()` is now, and misses nothing on the way. */
  function reopen() {
    close();
    open();
  }

  // Whether the stream outlives its network, and when it is worth a try again, shows at once.
  addEventListener('offline', reopen);
  addEventListener('online', reopen);

  open();
  return { reopen };
}
