import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressOf } from '../../lib/http/address.js';
import { createHub, type Hub, type HubOptions, type OpenOptions } from '../../lib/index.js';
import type { Request } from '../../lib/request.js';
import { turn } from '../support/fake-sink.js';
import { removeFolder } from '../support/folder.js';
import { serve } from '../support/server.js';
import { dropLater, fetchHead, StreamReader } from '../support/stream-client.js';
import { warningsDuring } from '../support/warnings.js';

async function serveHub(options: HubOptions, open: OpenOptions = {}) {
  const hub = createHub(options);
  const errors: Error[] = [];
  const url = await serve((req, res) => {
    hub.open(req, res, open).catch((error: Error) => {
      errors.push(error);
      res.statusCode = 500;
      res.end(error.message);
    });
  });
  return { hub, url, errors };
}

/** A connection that sends these bytes, and what comes back. */
function raw(url: string, bytes: string): { socket: Socket; text: () => string } {
  const socket = dropLater(connect(Number(new URL(url).port), '127.0.0.1'));
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.write(bytes);
  return { socket, text: () => text };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const never = () => new Promise<string[]>(() => {});

describe('while `rooms` is pending', () => {
  test('a client that leaves gives its place back at once', async () => {
    const { hub, url } = await serveHub({ maxClients: 3, maxClientsPerKey: 3 }, { rooms: never });
    const clients = [1, 2, 3].map(() => raw(url, GET));
    await until(() => hub.stats().opening === 3);
    for (const { socket } of clients) socket.destroy();
    await until(() => hub.stats().opening === 0);
    const more = [1, 2, 3].map(() => raw(url, GET));
    await until(() => hub.stats().opening === 3);
    expect(more.map(({ text }) => text())).toEqual(['', '', '']);
  });

  test('a stream of HTTP/2 that is reset gives its place back at once, and its connection lives on', async () => {
    const hub = createHub();
    const server = createHttp2Server((req, res) => void hub.open(req, res, { rooms: never }));
    const session = dropLater(connectHttp2(await serve(server)));
    const warnings = await warningsDuring(async () => {
      const streams = Array.from({ length: 20 }, () => session.request({ ':path': '/' }));
      for (const stream of streams) stream.on('error', () => {});
      await until(() => hub.stats().opening === 20);
      for (const stream of streams) stream.close();
      await until(() => hub.stats().opening === 0);
    });
    expect(warnings).toEqual([]);
    expect(session.closed).toBe(false);
  });

  test('the client is rejected after `openTimeout`, and a line says why', async () => {
    const lines: string[] = [];
    const logger = { info() {}, warn: (line: string) => lines.push(line) };
    const { hub, url } = await serveHub({ openTimeout: 50, retry: 100, logger }, { rooms: never });
    const reader = await StreamReader.open(url);
    await reader.end();
    expect(reader.text).toMatch(/^retry: \d+\n\n$/);
    expect(hub.stats()).toMatchObject({ opening: 0, connected: 0 });
    expect(lines).toEqual([expect.stringContaining('openTimeout')]);
  });

  test('the hub can be closed, and its server after it', async () => {
    const hub = createHub();
    const server = createServer((req, res) => void hub.open(req, res, { rooms: never }));
    const url = await serve(server);
    const { socket, text } = raw(url, GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await until(() => hub.stats().opening === 1);
    await hub.close();
    const ended = once(socket, 'end');
    server.close();
    await ended;
    expect(text()).toMatch(/^HTTP\/1.1 200 OK.*retry: \d+\n\n/s);
  });

  test('what `rooms` does after that changes nothing', async () => {
    const late: ((rooms: unknown) => void)[] = [];
    const rooms = () => new Promise<string[]>((resolve) => late.push(resolve as () => void));
    const { hub, url, errors } = await serveHub({ maxClients: 1 }, { rooms });
    const { socket } = raw(url, GET);
    await until(() => hub.stats().opening === 1);
    socket.destroy();
    await until(() => hub.stats().opening === 0);
    late[0]?.(['a']);
    const { socket: other } = raw(url, GET);
    await until(() => late.length === 2);
    late[1]?.('no list');
    await until(() => errors.length === 1);
    other.destroy();
    expect(hub.stats()).toMatchObject({ opening: 0, connected: 0 });
  });
});

test.each<[string, unknown, RegExp]>([
  ['with a hole', new Array(3), /^room undefined: must be a non-empty string$/],
  [
    'of 150 000 names',
    Array.from({ length: 150_000 }, (_, number) => `room ${number}`),
    /^150000 rooms: must be at most maxRooms, 1000$/,
  ],
  [
    'with a long name',
    ['x'.repeat(257)],
    /^room 'x+'.*: must have at most maxRoomLength, 256 characters, and has 257$/,
  ],
])(
  'a list of rooms %s fails the request, and no limit is lifted by it',
  async (_name, rooms, message) => {
    const lists = [...Array(6).fill(rooms), [], [], [], []];
    const { hub, url, errors } = await serveHub(
      { maxClientsPerKey: 2, refuse: 'status' },
      { rooms: () => lists.shift() as string[] },
    );
    const statuses: (number | undefined)[] = [];
    for (let requests = 0; requests < 10; requests++) {
      const response = await fetchHead(url);
      statuses.push(response.statusCode);
      if (response.statusCode !== 200) response.destroy();
    }
    expect(statuses).toEqual([500, 500, 500, 500, 500, 500, 200, 200, 429, 429]);
    for (const error of errors) expect(error.message).toMatch(message);
    expect(hub.size).toBe(2);
  },
);

describe('the key of a client', () => {
  test.each<[string, unknown]>([
    ['a promise', Promise.resolve('a')],
    ['an object', {}],
    ['a number', 5],
    ['null', null],
    ['an empty string', ''],
  ])('%s is an error', async (_name, key) => {
    const { url, errors } = await serveHub({ maxClientsPerKey: 1 }, { key: () => key as string });
    expect((await fetchHead(url)).statusCode).toBe(500);
    expect(errors[0]?.message).toMatch(
      /^key .+: must be a non-empty string, or undefined for a client without a limit$/,
    );
  });

  test('undefined is a client without a limit', async () => {
    const { hub, url } = await serveHub({ maxClientsPerKey: 1 }, { key: () => undefined });
    for (let clients = 0; clients < 3; clients++) await StreamReader.open(url);
    expect(hub.size).toBe(3);
  });

  test('clients behind a unix socket have no address, and no limit by it', async () => {
    const hub = createHub({ maxClientsPerKey: 1 });
    const folder = mkdtempSync(join(tmpdir(), 'socket-'));
    const path = join(folder, 'app');
    const server = createServer((req, res) => void hub.open(req, res)).listen(path);
    await once(server, 'listening');
    const sockets = [1, 2, 3].map(() => dropLater(connect(path)));
    for (const socket of sockets) socket.write(GET);
    await until(() => hub.size === 3);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await removeFolder(folder);
  });

  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:0DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
    [undefined, undefined],
  ])('the address %s counts as %s', (remoteAddress, key) => {
    expect(addressOf({ socket: { remoteAddress } } as Request)).toBe(key);
  });
});

test('a client whose `Last-Event-ID` has it sent more than `maxReplayBytes` in a minute is rejected', async () => {
  const { hub, url } = await serveHub({ maxReplayBytes: 5000, refuse: 'status' });
  const headers = { 'last-event-id': (await hub.send('first')).replace(/1$/, '0') };
  await hub.send('x'.repeat(2000));
  const statuses: (number | undefined)[] = [];
  for (let requests = 0; requests < 5; requests++) {
    statuses.push((await fetchHead(url, { headers })).statusCode);
  }
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  expect((await fetchHead(url)).statusCode).toBe(200);
});

describe('requests on the wire', () => {
  test('2000 pipelined requests on one connection make one client', async () => {
    // node:http reads no further while so many answers wait: only a write shows then that the client has left.
    const { hub, url } = await serveHub({ keepAlive: 100 });
    const { socket, text } = raw(url, GET.repeat(2000));
    await until(() => text().includes('event: ready'));
    const asked = await new Promise((resolve) => setImmediate(resolve)).then(() => hub.stats());
    expect(asked).toMatchObject({ connected: 1, opening: 0 });
    socket.destroy();
    await until(() => hub.size === 0);
  });

  test('a connection may carry another stream when the first is over', async () => {
    const { hub, url } = await serveHub({});
    const { socket, text } = raw(url, GET);
    await until(() => hub.size === 1);
    hub.leaveAll();
    await until(() => text().endsWith('0\r\n\r\n'));
    socket.write(GET);
    await until(() => hub.size === 1);
    await until(() => text().match(/event: ready/g)?.length === 2);
  });

  test('a body that nobody reads hides no client that leaves', async () => {
    const { hub, url } = await serveHub({ keepAlive: false });
    const { socket } = raw(url, `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n`);
    socket.write(Buffer.alloc(1_000_000));
    await until(() => hub.size === 1);
    socket.end();
    await until(() => hub.size === 0);
  });

  test('a body that the app reads itself is left to it', async () => {
    const hub = createHub();
    let length = 0;
    const url = await serve((req, res) => {
      void hub.open(req, res);
      req.on('data', (chunk) => {
        length += chunk.length;
      });
    });
    const { socket } = raw(url, `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n`);
    socket.write(Buffer.alloc(300_000));
    await until(() => length === 300_000);
  });

  test('one that claims to be of HTTP/2 over a plain connection harms nobody', async () => {
    const { url, errors } = await serveHub({});
    const { text } = raw(url, GET.replace('1.1', '2.0'));
    await until(() => text() !== '');
    expect(text()).toMatch(/^HTTP\/1.1 (200|400|505) /);
    expect(errors).toEqual([]);
  });

  test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])(
    '%s is answered with 405',
    async (method) => {
      const { hub, url } = await serveHub({});
      const { statusCode, headers } = await fetchHead(url, { method });
      expect([statusCode, headers.allow]).toEqual([405, 'GET, HEAD, POST']);
      expect(hub.size).toBe(0);
    },
  );
});

describe('the limits of events', () => {
  const big = (hub: Hub) => hub.send('x'.repeat(1000));

  test('an event beyond `maxEventBytes` is refused, to all and to one client', async () => {
    const { hub, url } = await serveHub({ maxEventBytes: 500 });
    const reader = await StreamReader.open(url);
    const message = "event 'message': must have at most maxEventBytes, 500 bytes, and has 1007";
    await expect(big(hub)).rejects.toThrow(new RangeError(message));
    const [client] = hub.clients.values();
    await expect(client?.send('x'.repeat(1000))).rejects.toThrow(new RangeError(message));
    await hub.send('small');
    await reader.received(1);
    expect(reader.data).toEqual(['small']);
  });

  test('an event for more rooms than `maxRooms` is refused', () => {
    const hub = createHub({ maxRooms: 2 });
    expect(() => hub.to('a', 'b', 'c')).toThrow(
      new RangeError('3 rooms: must be at most maxRooms, 2'),
    );
  });

  test('a client joins no more rooms than `maxRooms`, all of a call or none', async () => {
    const { hub, url } = await serveHub({ maxRooms: 3 });
    await StreamReader.open(url);
    const [client] = hub.clients.values();
    client?.join('a', 'b');
    expect(() => client?.join('b', 'c', 'd')).toThrow('4 rooms: must be at most maxRooms, 3');
    expect([...(client?.rooms ?? [])]).toEqual(['a', 'b']);
    client?.leave('a');
    client?.join('b', 'c', 'd');
    expect([...(client?.rooms ?? [])]).toEqual(['b', 'c', 'd']);
  });
});
