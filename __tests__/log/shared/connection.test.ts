import { SseError } from '../../../lib/errors.js';
import { Connection } from '../../../lib/log/shared/connection.js';
import type { Session } from '../../../lib/log/shared/engine.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A connection over sessions that know their number, and the numbers of those that were closed. */
function connect(open: (number: number) => unknown = () => {}) {
  const closed: number[] = [];
  let opened = 0;
  const connection = new Connection({
    write: { records: 1, bytes: 1 },
    connect: async () => {
      const number = ++opened;
      await open(number);
      return { number, close: () => void closed.push(number) } as unknown as Session;
    },
  });
  const numberOf = async (session: Session) => (session as unknown as { number: number }).number;
  return { connection, closed, use: () => connection.use(numberOf), opened: () => opened };
}

const fail = (error: Error) => async () => {
  throw error;
};

/** Enough for every back-off. */
const later = () => jest.advanceTimersByTimeAsync(5000);

test('all uses share one session, which is opened with the first', async () => {
  const { use, opened } = connect();
  expect(opened()).toBe(0);
  expect(await Promise.all([use(), use(), use()])).toEqual([1, 1, 1]);
});

test('a failure ends the session, and the next use opens another', async () => {
  const { connection, closed, use } = connect();
  await use();
  await expect(connection.use(fail(new Error('broken')))).rejects.toThrow('broken');
  const next = use();
  await later();
  expect(await next).toBe(2);
  expect(closed).toEqual([1]);
});

test('a refusal is no failure of the session', async () => {
  const { connection, closed, use } = connect();
  await use();
  const refusal = new SseError('ERR_SSE_LOG_REFUSED', 'full');
  await expect(connection.use(fail(refusal))).rejects.toBe(refusal);
  expect(await use()).toBe(1);
  expect(closed).toEqual([]);
});

test('an engine that does not answer in time has failed', async () => {
  const { connection, closed, use } = connect();
  await use();
  const silent = connection.use(() => new Promise(() => {})).catch(String);
  await jest.advanceTimersByTimeAsync(3500);
  expect(await silent).toBe("Error: the log's answer took longer than 3500 ms");
  expect(closed).toEqual([1]);
});

test('a session that is opened too late is closed, and another one is opened', async () => {
  let comes = () => {};
  const late = new Promise<void>((resolve) => {
    comes = resolve;
  });
  const { closed, use } = connect((number) => (number === 1 ? late : undefined));
  const first = use().catch(String);
  await jest.advanceTimersByTimeAsync(3500);
  expect(await first).toBe('Error: to connect to the log took longer than 3500 ms');
  const next = use();
  await later();
  expect(await next).toBe(2);
  comes();
  await later();
  expect(closed).toEqual([1]);
});

test('attempts to connect are spaced out, unless another connection has reached the engine', async () => {
  const { connection, use, opened } = connect((number) => {
    if (number < 5) throw new Error('refused');
  });
  for (let count = 1; count <= 3; count++) {
    const attempt = use().catch(String);
    await later();
    expect(await attempt).toBe('Error: refused');
  }
  const waiting = use().catch(String);
  await jest.advanceTimersByTimeAsync(0);
  connection.hurry();
  expect(await waiting).toBe('Error: refused');
  expect(opened()).toBe(4);
});

test('a session that is older than the break of another one is dropped, a younger one is not', async () => {
  const { connection, closed, use } = connect();
  await use();
  connection.suspect(performance.now() - 1);
  expect(await use()).toBe(1);
  await jest.advanceTimersByTimeAsync(10);
  connection.suspect(performance.now());
  const next = use();
  await later();
  expect(await next).toBe(2);
  expect(closed).toEqual([1]);
});

test('a closed connection rejects what is on its way and what comes, and opens nothing more', async () => {
  const { connection, closed, use, opened } = connect();
  await use();
  const onItsWay = connection.use(() => new Promise(() => {})).catch(({ code }) => code);
  connection.close();
  expect(await onItsWay).toBe('ERR_SSE_CLOSED');
  expect(await use().catch(({ code }) => code)).toBe('ERR_SSE_CLOSED');
  await jest.advanceTimersByTimeAsync(0);
  expect(connection.isClosed).toBe(true);
  expect(closed).toEqual([1]);
  expect(opened()).toBe(1);
});
