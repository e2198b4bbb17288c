import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type ConnectOptions,
  connect,
  type Stream,
  type StreamError,
} from '../../lib/browser/connect.js';
import { createHub, type HubOptions } from '../../lib/index.js';
import { turn } from '../support/fake-sink.js';
import { range } from '../support/range.js';
import { refusal } from '../support/refusal.js';
import { serve } from '../support/server.js';

interface Events {
  order: number;
}

/** A stream as a tab has it, and what came. */
class Tab {
  readonly stream: Stream<Events>;
  readonly orders: number[] = [];
  readonly gaps: unknown[] = [];
  error: StreamError | undefined;
  #signal: AbortSignal | undefined;
  #changed: () => void = () => {};

  constructor(url: string, options: ConnectOptions = {}) {
    const ownFetch = (to: string, init: { signal?: AbortSignal }) => {
      this.#signal = init.signal;
      return fetch(to, init);
    };
    this.stream = connect<Events>(url, { share: true, fetch: ownFetch, ...options });
    tabs.push(this);
    this.stream.on('order', (order) => {
      this.orders.push(order);
      this.#changed();
    });
    this.stream.on('gap', (gap) => this.gaps.push(gap));
    this.stream.onState((_state, error) => {
      this.error = error;
      this.#changed();
    });
  }

  /** Whether it has a connection of its own. */
  get isConnected(): boolean {
    return this.#signal?.aborted === false;
  }

  /** Resolves when it is so, at an event or another state. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  live(): Promise<void> {
    return this.until(() => this.stream.state === 'live');
  }

  has(count: number): Promise<void> {
    return this.until(() => this.orders.length >= count);
  }
}

const tabs: Tab[] = [];

afterEach(() => {
  for (const { stream } of tabs.splice(0)) stream.close();
});

/** A hub, and how many are connected to it. */
async function start(options: HubOptions = {}) {
  const hub = createHub({ retry: 1, ...options });
  let changed: () => void = () => {};
  let open = 0;
  let refusal = 0;
  const answer = (req: IncomingMessage, res: ServerResponse) => {
    if (refusal > 0) return res.writeHead(refusal).end();
    open++;
    res.once('close', () => {
      open--;
      changed();
    });
    return hub.open(req, res);
  };
  const url = await serve((req, res) => void answer(req, res));
  /** Resolves when so many are connected. */
  const connected = async (count: number) => {
    while (open !== count) {
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };
  /** From now on. */
  const refuse = (status: number) => {
    refusal = status;
  };
  return { hub, url, connected, refuse };
}

describe('streams that share a connection', () => {
  test('use one, and each has every event once and in order, with the history that it begins with', async () => {
    const { hub, url, connected } = await start({ start: { last: 3 } });
    for (const order of range(3)) await hub.sendEvent('order', order);
    const all = range(12).map(() => new Tab(url));
    await Promise.all(all.map((tab) => tab.live()));
    await connected(1);
    for (const order of range(100)) await hub.sendEvent('order', 3 + order);
    await Promise.all(all.map((tab) => tab.has(103)));
    const late = new Tab(url);
    await late.has(3);
    await connected(1);
    await hub.sendEvent('order', 103);
    await Promise.all([...all, late].map((tab) => tab.has(tab === late ? 4 : 104)));
    for (const tab of all) expect(tab.orders).toEqual(range(104));
    expect(late.orders).toEqual([100, 101, 102, 103]);
    expect(all.map(({ stream }) => stream.shared)).toEqual(range(12).map(() => true));
  });

  test('use one where others get events all the time, and they none', async () => {
    const hub = createHub();
    let open = 0;
    const url = await serve((req, res) => {
      open++;
      res.once('close', () => open--);
      void hub.open(req, res, { rooms: ['user:ann'] });
    });
    const tabs: Tab[] = [];
    for (const count of range(4)) {
      const tab = new Tab(url);
      tabs.push(tab);
      await tab.live();
      await hub.to('user:ben').sendEvent('order', count);
    }
    while (open > 1) await turn();
    await hub.to('user:ann').sendEvent('order', 7);
    await Promise.all(tabs.map((tab) => tab.has(1)));
    expect(tabs.map(({ orders }) => orders)).toEqual(range(4).map(() => [7]));
  });

  test('lose and double nothing while the connected one is closed again and again, and others come', async () => {
    const { hub, url, connected } = await start({ history: { events: 100_000 } });
    const witness = new Tab(url, { share: false });
    const first = new Tab(url);
    await Promise.all([witness.live(), first.live()]);
    const all = [first];
    let sent = 0;
    let isOver = false;
    const sending = (async () => {
      while (!isOver) {
        await hub.sendEvent('order', sent++);
        await pause(1);
      }
    })();
    for (const round of range(30)) {
      const tab = new Tab(url);
      all.push(tab);
      await tab.has(1);
      // The witness, and one for all.
      await connected(2);
      const [leader] = all.filter(({ isConnected }) => isConnected);
      if (round % 3 === 0) hub.leaveAll();
      else if (all.length > 3) {
        leader?.stream.close();
        all.splice(all.indexOf(leader as Tab), 1);
      }
    }
    isOver = true;
    await sending;
    await witness.has(sent);
    for (const tab of all) {
      await tab.until(() => tab.orders.at(-1) === sent - 1);
      const from = tab.orders[0] as number;
      expect(tab.orders).toEqual(range(sent - from).map((index) => from + index));
      expect(tab.gaps).toEqual([]);
    }
  });

  test('are apart for other users, URLs and credentials', async () => {
    const { hub, url, connected } = await start();
    const apart = [
      new Tab(url, { share: 'ann' }),
      new Tab(url, { share: 'ben' }),
      new Tab(`${url}/?room=1`, { share: 'ann' }),
      new Tab(url, { share: 'ann', credentials: 'include' }),
    ];
    const same = new Tab(url, { share: 'ann', headers: { 'x-token': '1' } });
    await Promise.all([...apart, same].map((tab) => tab.live()));
    await connected(4);
    await hub.sendEvent('order', 7);
    await Promise.all([...apart, same].map((tab) => tab.has(1)));
  });

  test('are apart for another version of the client, and for what else comes on the channel', async () => {
    const { url, hub } = await start();
    const channels = [0, 1, 2].map(
      (version) =>
        new BroadcastChannel(
          `express-sse-hub/${version} ${JSON.stringify([`${url}/`, true, null])}`,
        ),
    );
    const heard: unknown[][] = channels.map(() => []);
    channels.forEach((channel, index) => {
      channel.onmessage = ({ data }) => heard[index]?.push(data);
    });
    const tab = new Tab(url);
    await tab.live();
    for (const channel of channels) channel.postMessage({ isQuestion: true });
    await hub.sendEvent('order', 1);
    await tab.has(1);
    while (heard[1]?.length === 0) await new Promise(setImmediate);
    expect([heard[0], heard[2]]).toEqual([[], []]);
    for (const channel of channels) channel.close();
  });

  test('take over from a leader that says nothing', async () => {
    const { url } = await start();
    const name = `express-sse-hub/1 ${JSON.stringify([`${url}/`, true, null])}`;
    const channel = new BroadcastChannel(name);
    const term = Date.now() + 1_000_000;
    const word = { from: 'silent', term, count: 0, place: 'e.0', state: 'live' };
    const say = () => channel.postMessage({ ...word, steps: [], isHidden: false, isLast: false });
    const answered = new Promise<number>((resolve) => {
      channel.onmessage = ({ data }) => {
        if (data.term > term) resolve(data.term);
        // It leads, as long as it has not heard of this one.
        else if (!data.isQuestion) say();
      };
    });
    const tab = new Tab(url);
    await tab.live();
    say();
    expect(await answered).toBe(term + 1);
    channel.close();
  });

  test.each([
    ['ends the stream', 204, undefined],
    ['refuses the user', 401, 'the server refuses this user (401)'],
  ])('end together where the server %s', async (_what, status, message) => {
    const { hub, url, connected, refuse } = await start();
    const all = range(3).map(() => new Tab(url));
    await Promise.all(all.map((tab) => tab.live()));
    await connected(1);
    refuse(status);
    hub.leaveAll();
    await Promise.all(all.map((tab) => tab.until(() => tab.stream.state === 'closed')));
    const expected = message && `${url}: ${message}`;
    expect(all.map(({ error }) => error?.message.replace(/\/:/, ':'))).toEqual([
      expected,
      expected,
      expected,
    ]);
    expect(all.every(({ error }) => error?.status === (message && status))).toBe(true);
  });

  test('go on while one of them is slow, which has everything in the end', async () => {
    const { hub, url, connected } = await start({ history: { events: 5000 } });
    const slow = new Tab(url);
    const loop = slow.stream.each('order');
    await slow.live();
    const other = new Tab(url);
    await other.live();
    await connected(1);
    for (const order of range(3000)) await hub.sendEvent('order', order);
    await other.has(3000);
    expect(slow.orders.length).toBeLessThan(2000);
    const taken: number[] = [];
    for await (const order of loop) if (taken.push(order) === 3000) break;
    expect(taken).toEqual(range(3000));
    expect(other.orders).toEqual(range(3000));
  });

  test('have a connection each where the stream has no ids', async () => {
    const url = await serve((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('event: order\ndata: 1\n\n');
    });
    const all = range(2).map(() => new Tab(url));
    await Promise.all(all.map((tab) => tab.has(1)));
    const late = new Tab(url);
    await late.has(1);
    expect([...all, late].map(({ isConnected }) => isConnected)).toEqual([true, true, true]);
  });

  test('have a connection each where there is no BroadcastChannel, and say so', async () => {
    const { url, connected } = await start();
    const { BroadcastChannel } = globalThis;
    Reflect.deleteProperty(globalThis, 'BroadcastChannel');
    try {
      const all = range(2).map(() => new Tab(url));
      await Promise.all(all.map((tab) => tab.live()));
      await connected(2);
      expect(all.map(({ stream }) => stream.shared)).toEqual([false, false]);
    } finally {
      Object.assign(globalThis, { BroadcastChannel });
    }
  });

  test('wait where there is no page, for a server that renders one', async () => {
    const tab = new Tab('/stream');
    await tab.until(() => tab.stream.state === 'waiting');
    expect(tab.error?.message).toMatch(/^\/stream: TypeError: Failed to parse URL/);
  });

  test('need a name for the user where there are headers, and GET', () => {
    const attempt = (options: object) => () => connect('http://127.0.0.1/', options);
    expect([
      refusal(attempt({ share: true, headers: {} })),
      refusal(attempt({ share: '' })),
      refusal(attempt({ share: 7 })),
      refusal(attempt({ share: 'ann', method: 'POST' })),
    ]).toEqual([
      'TypeError: share true: must be a text that names the user, as there are headers',
      "TypeError: share '': must be true, or a text",
      'TypeError: share 7: must be of type boolean or string',
      'TypeError: method POST: must be GET with share',
    ]);
  });
});
