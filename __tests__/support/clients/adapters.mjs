// Clients of event streams, each used as its README shows. This runs in Node and in browsers.

/** What is listened for: an `EventSource` tells nobody of the types that nobody listens for. */
const TYPES = ['message', 'ready', 'gap', 'tick', 'finish'];

const SOON = 50;

/** Opens a stream, tells of its events and of its end, and gives what closes it. */
const like = (EventSource, options) => (url, tell) => {
  const source = new EventSource(url, options);
  for (const type of TYPES) source.addEventListener(type, ({ data }) => tell({ type, data }));
  source.addEventListener('error', () => {
    // Some say so first, and close then.
    setTimeout(() => source.readyState === 2 && tell({ isOver: true }), 0);
  });
  return () => source.close();
};

/** One whose `readyState` says "closed" while it waits to reconnect, or that never gives up. */
const restless = (EventSource, options) => (url, tell) => {
  const source = new EventSource(url, options);
  for (const type of TYPES) source.addEventListener(type, ({ data }) => tell({ type, data }));
  return () => source.close();
};

const defaultOf = ({ default: value }) => value;

/** By name: each imports its package, and gives a function like those above. */
export const ADAPTERS = {
  'eventsource 1': async () => like(defaultOf(await import('eventsource-1'))),
  'eventsource 2': async () => like(defaultOf(await import('eventsource-2'))),
  'eventsource 3': async () => like((await import('eventsource-3')).EventSource),
  'eventsource 4': async () => like((await import('eventsource')).EventSource),
  undici: async () => like((await import('undici')).EventSource),
  'launchdarkly-eventsource': async () =>
    like((await import('launchdarkly-eventsource')).EventSource, { initialRetryDelayMillis: SOON }),
  'express-sse-hub/client': async () => {
    const { connect } = await import('../../../dist/esm/client.js');
    return (url, tell) => {
      const stream = connect(url);
      for (const type of TYPES) {
        stream.on(type, (_parsed, { data }) => tell({ type, data }));
      }
      stream.onState((state) => state === 'closed' && tell({ isOver: true }));
      return () => stream.close();
    };
  },
  'eventsource-client': async () => {
    const { createEventSource } = await import('eventsource-client');
    return (url, tell) => {
      const source = createEventSource({
        url,
        onMessage: ({ event = 'message', data }) => tell({ type: event, data }),
        onDisconnect: () => {
          setTimeout(() => source.readyState === 'closed' && tell({ isOver: true }), 0);
        },
      });
      return () => source.close();
    };
  },
  curl: async () => {
    const { spawn } = await import('node:child_process');
    const { createParser } = await import('eventsource-parser');
    return (url, tell) => {
      const curl = spawn('curl', ['--no-buffer', '--silent', url]);
      const parser = createParser({
        onEvent: ({ event = 'message', data }) => tell({ type: event, data }),
      });
      curl.stdout.setEncoding('utf8').on('data', (text) => parser.feed(text));
      curl.on('close', () => tell({ isOver: true }));
      return () => curl.kill();
    };
  },

  EventSource: async () => like(EventSource),
  'event-source-polyfill': async () => {
    await import('event-source-polyfill');
    return like(globalThis.EventSourcePolyfill);
  },
  'fetch-event-source': async () => {
    const { fetchEventSource } = await import('@microsoft/fetch-event-source');
    return (url, tell) => {
      const controller = new AbortController();
      const { signal } = controller;
      fetchEventSource(url, {
        signal,
        openWhenHidden: true,
        onmessage: ({ event, data }) => tell({ type: event || 'message', data }),
        // Else a stream that ends is taken to be complete.
        onclose: () => {
          throw new Error('the stream has ended');
        },
        onerror: () => {},
      }).catch(() => tell({ isOver: true }));
      return () => controller.abort();
    };
  },
  'extended-eventsource': async () =>
    like((await import('extended-eventsource')).EventSource, { retry: SOON, disableLogger: true }),
  'sse.js': async () =>
    restless((await import('sse.js')).SSE, { autoReconnect: true, reconnectDelay: SOON }),
  'reconnecting-eventsource': async () =>
    restless(defaultOf(await import('reconnecting-eventsource')), { max_retry_time: SOON }),
};
