import { once } from 'node:events';
import { runInThisContext } from 'node:vm';
import { type Client, createHub, type Hub, type HubOptions } from '../lib/index.js';
import { turn } from './support/fake-sink.js';
import { serve } from './support/server.js';
import { fetchHead, StreamReader } from './support/stream-client.js';
import { warningsDuring } from './support/warnings.js';

/** jest hands its tests a copy of `process`, and the copy hears of no unhandled rejection. */
const realProcess = runInThisContext('process') as NodeJS.Process;
const unhandled = jest.fn();

beforeAll(() => {
  realProcess.on('unhandledRejection', unhandled);
});

afterEach(() => {
  expect(unhandled).not.toHaveBeenCalled();
});

afterAll(() => {
  realProcess.off('unhandledRejection', unhandled);
});

function cycle(): object {
  const list: unknown[] = [];
  list.push(list);
  return list;
}

async function* failing(): AsyncGenerator<string> {
  yield 'first';
  throw new Error('the source broke');
}

/** What a user may do without awaiting it, and what is said of it. */
const mistakes: readonly [string, (hub: Hub, client: Client) => unknown, RegExp][] = [
  ['a send of a BigInt', (hub) => hub.send(1n), /^event not sent: TypeError: data of .*BigInt/],
  [
    'a send of a cycle',
    (hub) => hub.send(cycle()),
    /^event not sent: TypeError: data of .*circular/,
  ],
  ['a send to rooms of a BigInt', (hub) => hub.to('a').send(1n), /^event not sent: TypeError: /],
  [
    'a send with a signal that has aborted',
    (hub) => hub.send('x', { signal: AbortSignal.abort(new Error('too late')) }),
    /^event not sent: Error: too late$/,
  ],
  [
    'a send to a client of a BigInt',
    (_hub, client) => client.send(1n),
    /^event not sent to client .+: TypeError: data of .*BigInt/,
  ],
  [
    'an iterable that throws',
    (_hub, client) => client.sendFrom(failing()),
    /^event not sent to client .+: Error: the source broke$/,
  ],
];

async function connect(options: HubOptions) {
  const hub = createHub(options);
  const url = await serve((req, res) => void hub.open(req, res));
  const reader = await StreamReader.open(url);
  const [client] = hub.clients.values();
  return { hub, reader, client: client as Client };
}

describe.each(mistakes)('what nobody awaits: %s', (_what, make, message) => {
  test('the logger receives a line, each time', async () => {
    const lines: string[] = [];
    const { hub, client, reader } = await connect({
      logger: { info() {}, warn: (line) => lines.push(line) },
    });
    void make(hub, client);
    void make(hub, client);
    while (lines.length < 2) await turn();
    expect(lines).toEqual([expect.stringMatching(message), expect.stringMatching(message)]);
    await hub.send('still here');
    await reader.until(({ data }) => data.includes('still here'));
  });

  test('without a logger, the process emits a warning, once', async () => {
    const { hub, client } = await connect({});
    const warnings = await warningsDuring(async () => {
      for (let times = 0; times < 3; times++) {
        void make(hub, client);
        await hub.flushed();
        for (let turns = 0; turns < 5; turns++) await turn();
      }
    });
    expect(warnings.map((warning) => warning.replace(/^SseWarning: /, ''))).toEqual([
      expect.stringMatching(message),
    ]);
  });

  test('where it is awaited it rejects, and nothing else is said', async () => {
    const lines: string[] = [];
    const { hub, client } = await connect({
      logger: { info() {}, warn: (line) => lines.push(line) },
    });
    await expect(make(hub, client)).rejects.toThrow();
    await Promise.allSettled([make(hub, client)]);
    await (make(hub, client) as Promise<unknown>).catch(() => {});
    await turn();
    expect(lines).toEqual([]);
  });
});

test('each kind of error is warned of once', async () => {
  const { hub } = await connect({});
  const warnings = await warningsDuring(async () => {
    void hub.send(1n);
    void hub.send(2n);
    void hub.send('x', { signal: AbortSignal.abort(new Error('too late')) });
    await turn();
  });
  expect(warnings).toHaveLength(2);
});

test('what `onConnect` throws is warned of without a logger', async () => {
  const hub = createHub();
  const onConnect = async () => {
    throw new Error('no database');
  };
  const url = await serve((req, res) => void hub.open(req, res, { onConnect }));
  const warnings = await warningsDuring(async () => {
    await StreamReader.open(url);
    await turn();
  });
  expect(warnings).toEqual([
    expect.stringMatching(/^SseWarning: onConnect failed for client .+: Error: no database$/),
  ]);
});

test('a stream that is not opened, and not awaited, is answered with the status of the error', async () => {
  const lines: string[] = [];
  const hub = createHub({ logger: { info() {}, warn: (line) => lines.push(line) } });
  const rooms = async () => {
    throw new Error('no database');
  };
  const url = await serve((req, res) => void hub.open(req, res, { rooms }));
  const { statusCode } = await fetchHead(url);
  expect(statusCode).toBe(500);
  expect(lines).toEqual(['a stream was not opened: Error: no database']);
});

test.each<[string, (hub: Hub) => (line: string) => unknown]>([
  ['at once', (hub) => (line) => void hub.send(line)],
  [
    'later',
    (hub) => async (line) => {
      await turn();
      void hub.send(line);
    },
  ],
])(
  'a logger that sends its lines to its own hub, %s, is not called for ever once the hub is closed',
  async (_when, sending) => {
    let calls = 0;
    let send: (line: string) => unknown = () => {};
    const hub = createHub({
      logger: {
        info: (line) => send(line),
        warn: (line) => {
          calls++;
          return send(line);
        },
      },
    });
    send = sending(hub);
    await hub.close();
    void hub.send('late');
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(calls).toBe(1);
  },
);

test('a logger that sends what can not be sent is not called for that', async () => {
  let calls = 0;
  const hub = createHub({
    logger: {
      info() {},
      warn: () => {
        calls++;
        void hub.send(1n);
      },
    },
  });
  void hub.send(1n);
  for (let turns = 0; turns < 20; turns++) await turn();
  expect(calls).toBe(1);
});

test('32 000 sends that wait under one signal are over as soon as it aborts', async () => {
  const hub = createHub({ requestQueueSize: 1 });
  const abort = new AbortController();
  const added = jest.spyOn(abort.signal, 'addEventListener');
  const removed = jest.spyOn(abort.signal, 'removeEventListener');
  const sends = Array.from({ length: 32_000 }, (_, number) =>
    hub.send(number, { signal: abort.signal }),
  );
  abort.abort(new Error('enough'));
  const outcomes = await Promise.allSettled(sends);
  expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(31_000);
  // Each listener more makes each removal slower.
  expect(added.mock.calls.length).toBeLessThan(10);
  expect(removed.mock.calls.length).toBeLessThan(10);
});

test('more than ten iterables are sent to one client without a warning', async () => {
  const { client, reader } = await connect({});
  const warnings = await warningsDuring(async () => {
    await Promise.all(Array.from({ length: 20 }, () => client.sendFrom(['a', 'b'])));
  });
  expect(warnings).toEqual([]);
  await reader.received(40);
  const gone = once(client.signal, 'abort');
  reader.destroy();
  await gone;
});

test.each(['error', 'open'])(
  "events of the type '%s' are warned of once, and sent",
  async (type) => {
    const { hub, reader } = await connect({});
    const warnings = await warningsDuring(async () => {
      await hub.sendEvent(type, 1);
      await hub.sendEvent(type, 2);
    });
    await reader.received(2);
    expect(warnings).toEqual([
      `SseWarning: event type '${type}': EventSource has an event of its own with this name, and calls on${type} for both; another name keeps them apart`,
    ]);
  },
);
