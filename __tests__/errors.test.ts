import { describe as describeError, messageOf, quote, SseError } from '../lib/errors.js';
import { createHub } from '../lib/index.js';
import { serve } from './support/server.js';
import { StreamReader } from './support/stream-client.js';

function fail(): never {
  throw new Error('no');
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const hostile: readonly [string, unknown][] = [
  ['a revoked proxy', revoked()],
  ['an object whose inspection throws', { [Symbol.for('nodejs.util.inspect.custom')]: fail }],
  [
    'an error without a message that is a string',
    Object.assign(new Error(), { message: Symbol() }),
  ],
  ['an error whose message throws', Object.defineProperty(new Error(), 'message', { get: fail })],
  ['an error whose name throws', Object.defineProperty(new Error('x'), 'name', { get: fail })],
  ['an error whose stack throws', Object.defineProperty(new Error('x'), 'stack', { get: fail })],
  ['a proxy of which everything throws', new Proxy({}, new Proxy({}, { get: () => fail }))],
];

describe('instanceof SseError', () => {
  test('holds for an error of another copy of the package', () => {
    jest.isolateModules(() => {
      const other = jest.requireActual('../lib/errors.js') as typeof import('../lib/errors.js');
      expect(other.SseError).not.toBe(SseError);
      const error = new other.SseError('ERR_SSE_CLOSED', 'closed');
      expect(error instanceof SseError).toBe(true);
      expect(error instanceof Error).toBe(true);
    });
  });

  test.each(hostile)('is false for %s, and throws nothing', (_name, value) => {
    expect(value instanceof SseError).toBe(false);
  });

  test('goes by the class where one extends it', () => {
    class Mine extends SseError {}
    const mine = new Mine('ERR_SSE_CLOSED', '');
    expect([mine instanceof Mine, mine instanceof SseError]).toEqual([true, true]);
    expect(new SseError('ERR_SSE_CLOSED', '') instanceof Mine).toBe(false);
  });
});

describe.each(hostile)('%s', (_name, value) => {
  test('is quoted in one line, somehow', () => {
    for (const show of [quote, describeError, messageOf]) expect(show(value)).toMatch(/^.+$/);
  });

  test('thrown by `onConnect`, costs one line of the log', async () => {
    const lines: string[] = [];
    const hub = createHub({ logger: { info: () => {}, warn: (line) => lines.push(line) } });
    const onConnect = () => {
      throw value;
    };
    const url = await serve((req, res) => void hub.open(req, res, { onConnect }));
    const reader = await StreamReader.open(url);
    await hub.send('still here');
    await reader.received(1);
    expect(lines).toEqual([expect.stringMatching(/^onConnect failed for client .+: .+$/)]);
  });

  test('thrown by `serialize`, rejects the send alone', async () => {
    const hub = createHub({
      serialize: () => {
        throw value;
      },
    });
    await expect(hub.send({})).rejects.toThrow(/^data of event 'message' can't be serialized: ./);
    await hub.send('text is not serialized');
  });
});
