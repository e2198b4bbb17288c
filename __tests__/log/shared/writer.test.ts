import { SseError } from '../../../lib/errors.js';
import { Connection } from '../../../lib/log/shared/connection.js';
import { NewestPlace } from '../../../lib/log/shared/place.js';
import { Writer } from '../../../lib/log/shared/writer.js';
import { MemoryServer } from '../../support/memory-engine.js';

const bounds = { records: 3, bytes: 1000 };
const never = new AbortController().signal;

function write() {
  const server = new MemoryServer();
  const connection = new Connection(server.engine());
  const newest = new NewestPlace();
  const writer = new Writer(connection, bounds, newest);
  const writes = jest.spyOn(server, 'append');
  return {
    server,
    connection,
    newest,
    writer,
    append: (name: string, signal = never) => writer.append({ fields: Buffer.from(name) }, signal),
    stored: () => server.above(0).map(({ fields }) => String(fields)),
    /** The records of each write, and its number. */
    writes: () =>
      writes.mock.calls.map(([, { number, records }]) => [
        number,
        ...records.map(({ fields }) => String(fields)),
      ]),
  };
}

/** A gate that a call waits at, once it has come there. */
function gate() {
  let open = () => {};
  let come = () => {};
  const isOpen = new Promise<void>((resolve) => {
    open = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    come = resolve;
  });
  const hold = async (call: () => unknown) => {
    come();
    await isOpen;
    return call();
  };
  return { open, reached, hold };
}

test('records that are appended in one turn are one write, as far as they fit into it', async () => {
  const { append, writes } = write();
  const ids = await Promise.all(['a', 'b', 'c', 'd'].map((name) => append(name)));
  expect(ids.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  expect(writes()).toEqual([
    [1, 'a', 'b', 'c'],
    [2, 'd'],
  ]);
});

test('a record that is too large for a write goes alone', async () => {
  const { append, writes } = write();
  const large = 'x'.repeat(2000);
  await Promise.all(['a', large, 'b'].map((name) => append(name)));
  expect(writes()).toEqual([
    [1, 'a'],
    [2, large],
    [3, 'b'],
  ]);
});

test('the next write waits until the fate of this one is known', async () => {
  const { server, append, writes, stored } = write();
  const { open, reached, hold } = gate();
  server.link.next('append', hold);
  const first = append('a');
  await reached;
  const others = ['b', 'c'].map((name) => append(name));
  expect(stored()).toEqual([]);
  open();
  await Promise.all([first, ...others]);
  expect(writes()).toEqual([
    [1, 'a'],
    [2, 'b', 'c'],
  ]);
});

test('a write whose answer was lost is sent again under its number, and stored once', async () => {
  const { server, append, writes, stored } = write();
  server.link.next('append', (call) => {
    call();
    throw new Error('the answer is lost');
  });
  const ids = [await append('a'), await append('b')];
  expect(ids.map(({ sequence }) => sequence)).toEqual([1, 2]);
  expect(stored()).toEqual(['a', 'b']);
  expect(writes()).toEqual([
    [1, 'a'],
    [1, 'a'],
    [2, 'b'],
  ]);
});

test('a record that nobody waits for any more is not sent, and the others are', async () => {
  const { server, append, stored } = write();
  const { open, reached, hold } = gate();
  server.link.next('append', hold);
  const first = append('a');
  await reached;
  const abort = new AbortController();
  const given = append('b', abort.signal);
  const last = append('c');
  abort.abort(new Error('too late'));
  await expect(given).rejects.toThrow('too late');
  open();
  await Promise.all([first, last]);
  expect(stored()).toEqual(['a', 'c']);
});

test('a write is given up when nobody waits for any of its records, and its number is used up', async () => {
  const { server, append, writes, stored } = write();
  const abort = new AbortController();
  server.link.next('append', () => {
    abort.abort(new Error('too late'));
    throw new Error('broken');
  });
  await expect(append('a', abort.signal)).rejects.toThrow('too late');
  await append('b');
  expect(stored()).toEqual(['b']);
  expect(writes()).toEqual([[2, 'b']]);
});

test('what was sent once stays as it is, whoever waits for it: else it might be stored in part', async () => {
  const { server, append, stored } = write();
  const abort = new AbortController();
  server.link.next('append', (call) => {
    call();
    abort.abort(new Error('too late'));
    throw new Error('broken');
  });
  const given = append('a', abort.signal);
  const other = append('b');
  await expect(given).rejects.toThrow('too late');
  expect((await other).sequence).toBe(2);
  expect(stored()).toEqual(['a', 'b']);
});

test('a write that the engine refuses rejects all of its records, and the next one is sent', async () => {
  const { server, append } = write();
  server.isFull = true;
  const refused = ['a', 'b'].map((name) => append(name).catch((error: SseError) => error.code));
  expect(await Promise.all(refused)).toEqual(['ERR_SSE_LOG_REFUSED', 'ERR_SSE_LOG_REFUSED']);
  server.isFull = false;
  expect((await append('c')).sequence).toBe(1);
});

test('the newest place is that of the last record of a write', async () => {
  const { newest, append } = write();
  await Promise.all(['a', 'b', 'c'].map((name) => append(name)));
  expect(newest.known).toMatchObject({ sequence: 3, tag: 'writer-0:1' });
});

test('a writer that is closed rejects what waits and what is on its way', async () => {
  const { server, connection, writer, append } = write();
  const { reached, hold } = gate();
  server.link.next('append', hold);
  const pending = [append('a')];
  await reached;
  pending.push(append('b'));
  const codes = pending.map((one) => one.catch((error: SseError) => error.code));
  connection.close();
  writer.close();
  expect(await Promise.all(codes)).toEqual(['ERR_SSE_CLOSED', 'ERR_SSE_CLOSED']);
  await expect(append('c')).rejects.toThrow(SseError);
});

test('a signal that has aborted rejects at once', async () => {
  const { append, writes } = write();
  await expect(append('a', AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  expect(writes()).toEqual([]);
});
