/**
 * Most of this is for the compiler: each `@ts-expect-error` fails the type check if its line would
 * compile.
 */
import express from 'express';
import { connect, type Stream, type StreamState } from '../lib/browser/connect.js';
import {
  type Client,
  createHub,
  type Gap,
  type GapReason,
  type Headers,
  type Hub,
  type Next,
  type Request,
  type Response,
  type RouteRequest,
  sse,
} from '../lib/index.js';
import { useEvent, useEvents, useStream } from '../lib/react/hooks.js';

interface Order {
  readonly id: number;
}

interface Events {
  order: Order;
  tick: number;
  refresh: undefined;
  message: string;
}

test('a typed hub takes the types of events and the data that belongs to them, and nothing else', async () => {
  const stream = sse<Events>();
  const sends = [
    stream.hub.sendEvent('order', { id: 1 }),
    stream.hub.sendEvent('tick', 1, { conflate: 'tick' }),
    stream.hub.sendEvent('refresh'),
    stream.hub.send('hello'),
    stream.hub.to('user:1', 'user:2').sendEvent('tick', 2),
  ];
  expect(await Promise.all(sends)).toHaveLength(5);

  const wrong = (hub: Hub<Events>) => {
    // @ts-expect-error no such type of event
    hub.sendEvent('oder', { id: 1 });
    // @ts-expect-error data of another event
    hub.sendEvent('order', 1);
    // @ts-expect-error data left out
    hub.sendEvent('order');
    // @ts-expect-error data where there is none
    hub.sendEvent('refresh', 'now');
    // @ts-expect-error data of another type
    hub.send(1);
    // @ts-expect-error no such option
    hub.sendEvent('tick', 1, { conflat: 'tick' });
    // @ts-expect-error rooms are strings
    hub.to(42);
    // @ts-expect-error at least one room
    hub.to();
    // @ts-expect-error no such type of event in a room either
    hub.to('a').sendEvent('oder', { id: 1 });
  };
  expect(wrong).toBeInstanceOf(Function);
});

test('a typed hub without the type message has no send', () => {
  const wrong = (hub: Hub<{ tick: number }>) => {
    // @ts-expect-error there is no event `message`
    hub.send('x');
  };
  expect(wrong).toBeInstanceOf(Function);
});

test('a plain hub is free', async () => {
  const hub = createHub();
  const sends = [hub.sendEvent('anything', { at: 'all' }), hub.sendEvent('nothing'), hub.send(1)];
  expect(await Promise.all(sends)).toHaveLength(3);
});

test('a typed hub is mounted with its types', () => {
  const hub = createHub<Events>();
  const stream = sse({ hub });
  const typed: Hub<Events> = stream.hub;
  expect(typed).toBe(hub);
  // @ts-expect-error the types come with the hub
  const wrong = () => stream.hub.sendEvent('oder', 1);
  expect(wrong).toBeInstanceOf(Function);
});

test('clients keep the types of the hub, wherever they come from', () => {
  const hub = createHub<Events>();
  const right = async (client: Client<Events>) => {
    await client.sendEvent('order', { id: 1 }, { id: 'own' });
    await client.send('hello');
    await client.sendFrom([1, 2], { type: 'tick' });
  };
  const wrong = (client: Client<Events>) => {
    // @ts-expect-error no such type of event
    client.sendEvent('oder', { id: 1 });
    // @ts-expect-error data of another event
    client.sendEvent('tick', { id: 1 });
    // @ts-expect-error data of another type
    client.send(1);
    // @ts-expect-error values of another event
    client.sendFrom(['one'], { type: 'tick' });
  };
  for (const client of hub.clients.values()) void right(client);
  sse<Events>({ onConnect: right });
  sse({ hub, onConnect: right });
  expect(wrong).toBeInstanceOf(Function);
});

test('everything that a public signature names has a name to import', () => {
  const told = ({ reason, missed }: Gap): [GapReason, number | undefined] => [reason, missed];
  const headers: Headers = { 'X-Robots-Tag': 'none' };
  const next: Next = () => {};
  const key = (req: RouteRequest): string => String(req.ip);
  const open = (hub: Hub, req: Request, res: Response) => hub.open(req, res, { headers, key });
  expect([told({ reason: 'slow', missed: 5 }), next, open]).toHaveLength(3);
});

test("Express's request is known to a route's functions that don't declare it", () => {
  const stream = sse({
    rooms: (req) => [String(req.query.team)],
    key: (req) => req.ip ?? '',
    onConnect: (client, req) => client.send(req.query),
  });
  // @ts-expect-error no such property of a request
  sse({ rooms: (req) => [req.team] });
  expect(stream.hub).toBeDefined();
});

test("Express knows res.locals.stream, and its Request in the route's options", () => {
  const app = express();
  const stream = sse({
    rooms: async (req: express.Request) => [`user:${String(req.query.user)}`],
    key: (req: express.Request) => req.ip ?? '',
    onConnect: (client, req: express.Request) => client.send(req.query),
  });
  app.use(stream.locals());
  app.get('/stream', stream);
  app.post('/apples', (_req, res) => {
    void res.locals.stream.sendEvent('apples', { count: 42 });
    // @ts-expect-error no such method
    const wrong = () => res.locals.stream.sendEvnt('apples');
    expect(wrong).toBeInstanceOf(Function);
  });
  expect(app).toBeInstanceOf(Function);
});

test('a page reads a stream with the types of the server', () => {
  const page = (stream: Stream<Events>) => {
    stream.on('order', ({ id }, event) => id + event.id.length);
    stream.on('gap', ({ reason }) => reason.length);
    const ticks: AsyncIterable<number> = stream.each('tick');
    // @ts-expect-error no such type of event
    stream.on('oder', () => {});
    // @ts-expect-error data of another event
    stream.on('tick', ({ id }) => id);
    // @ts-expect-error no such type of event either
    stream.each('oder');
    return ticks;
  };
  const hooks = (stream: Stream<Events> | undefined) => {
    const order: Order | undefined = useEvent(stream, 'order');
    const ticks: readonly number[] = useEvents(stream, 'tick', { limit: 5 });
    const state: StreamState = useStream(stream);
    // @ts-expect-error no such type of event
    useEvent(stream, 'oder');
    // @ts-expect-error data of another event
    const wrong: readonly string[] = useEvents(stream, 'tick');
    return [order, ticks, state, wrong];
  };
  // @ts-expect-error no such option
  const misspelt = () => connect('/stream', { shared: true });
  expect([page, hooks, misspelt]).toHaveLength(3);
});
