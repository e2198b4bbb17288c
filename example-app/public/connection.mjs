const silenceLimit = 6000;

/**
 * Keeps a stream open for as long as the page lives. `on` holds a handler for each type of event, and
 * `onState` hears 'open' and 'reconnecting'.
 */
export function connect(url, { on, onState }) {
  let source;
  let lastEventId = '';
  let silence;

  function open() {
    const address = new URL(url, document.baseURI);
    // A new EventSource has forgotten where the old one stood.
    if (lastEventId) address.searchParams.set('lastEventId', lastEventId);
    source = new EventSource(address);

    source.onopen = () => {
      listen();
      onState('open');
    };
    source.onerror = () => {
      onState('reconnecting');
      // After a lost connection EventSource tries again by itself. After an answer that is no event
      // stream (a proxy's error page, say) it gives up for good.
      if (source.readyState === EventSource.CLOSED) retry();
    };
    for (const [type, handle] of Object.entries(on)) {
      source.addEventListener(type, (event) => {
        listen();
        lastEventId = event.lastEventId;
        handle(JSON.parse(event.data));
      });
    }
    listen();
  }

  function retry() {
    clearTimeout(silence);
    source.close();
    // Not all pages at once.
    setTimeout(open, 1000 + Math.random() * 2000);
  }

  // Something comes every second. A stream that is silent for long is dead, even if nobody said so:
  // the computer slept, or a network went away without a word.
  function listen() {
    clearTimeout(silence);
    silence = setTimeout(() => {
      onState('reconnecting');
      retry();
    }, silenceLimit);
  }

  open();
}
