import { type Client, createHub } from '../../lib/index.js';
import { serve } from '../support/server.js';
import { StreamReader } from '../support/stream-client.js';

async function connect() {
  const hub = createHub();
  const url = await serve((req, res) => void hub.open(req, res));
  const reader = await StreamReader.open(url);
  await reader.until(() => hub.size === 1);
  const [client] = hub.clients.values() as Iterable<Client>;
  return { hub, reader, client: client as Client };
}

/** The names that are reachable on an object, its own and inherited, but for those of every object. */
function namesOn(object: object): string[] {
  const names = new Set<string>();
  for (let at = object; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  names.delete('constructor');
  return [...names].sort();
}

describe('what users hold is what is documented', () => {
  test('of a hub', () => {
    const sends = ['send', 'sendEvent', 'to', 'subscribe'];
    const reads = ['clients', 'size', 'stats', 'position', 'flushed'];
    expect(namesOn(createHub())).toEqual(
      [...sends, ...reads, 'open', 'leaveAll', 'drain', 'close'].sort(),
    );
  });

  test('of a client', async () => {
    const { client } = await connect();
    const does = ['join', 'leave', 'send', 'sendEvent', 'sendFrom', 'close'];
    const says = ['id', 'signal', 'rooms', 'key', 'lastEventId', 'resumed', 'connectedAt', 'data'];
    expect(namesOn(client)).toEqual([...does, ...says].sort());
  });
});

describe('what users set on a client does not stop delivery', () => {
  // Names that have stood for something inside, and others that apps keep their own things under.
  test.each([
    ...['state', 'cursor', 'position', 'end', 'gap', 'page', 'farewell', 'conflates', 'lag'],
    ...['sink', 'host', 'left', 'write', 'flush', 'data', 'user'],
  ])('%s', async (name) => {
    const { hub, reader, client } = await connect();
    Object.assign(client, { [name]: { of: 'mine' } });
    await Promise.all([hub.send('to all'), client.send('to one')]);
    await reader.received(2);
    expect(reader.data).toEqual(['to all', 'to one']);
    expect((client as unknown as Record<string, unknown>)[name]).toEqual({ of: 'mine' });
  });

  test('an assignment to what is documented as fixed is an error', async () => {
    const { client } = await connect();
    expect(() => Object.assign(client, { id: 'mine' })).toThrow(TypeError);
  });

  test('a list of clients that was cleared by mistake', async () => {
    const { hub, reader } = await connect();
    (hub.clients as Map<string, Client>).clear();
    await hub.send('to all');
    await reader.received(1);
    await hub.close();
    await reader.end();
    expect(reader.data).toEqual(['to all']);
  });
});
