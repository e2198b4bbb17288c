import { createHub, type Hub, type HubOptions, type OpenOptions } from '../../../lib/index.js';
import { turn } from '../fake-sink.js';
import { serve } from '../server.js';
import { fetchHead } from '../stream-client.js';

/** What a function of the user's may do. */
const DEEDS: Readonly<Record<string, (hub: Hub) => unknown>> = {
  throws: () => {
    throw new Error('thrown');
  },
  'throws a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    throw proxy;
  },
  rejects: async () => {
    throw new Error('rejected');
  },
  'never settles': () => new Promise(() => {}),
  'sends from within': (hub) => void hub.send('from within'),
  'ends all streams from within': (hub) => hub.leaveAll(),
  'closes the hub from within': (hub) => void hub.close({ timeout: 100 }),
  'returns nothing of use': () => Symbol('no use'),
};

/** Where such a function may be. */
const PLACES = ['rooms', 'key', 'onConnect', 'serialize', 'info', 'warn', 'sendFrom'] as const;

type Place = (typeof PLACES)[number];

async function trial(place: Place, deed: (hub: Hub) => unknown): Promise<void> {
  let hub: Hub | undefined;
  const act = (): never => deed(hub as Hub) as never;
  const at = <T>(here: Place, otherwise: T): T => (here === place ? (act as T) : otherwise);
  const options: HubOptions = {
    openTimeout: 50,
    maxClientsPerKey: 100,
    serialize: at('serialize', JSON.stringify),
    logger: { info: at('info', () => {}), warn: at('warn', () => {}) },
  };
  const route: OpenOptions = {
    rooms: at('rooms', ['a']),
    key: at('key', () => 'k'),
    onConnect: at('onConnect', () => {}),
  };
  hub = createHub(options);
  const own = hub;
  const url = await serve((req, res) => void own.open(req, res, route));
  const response = await fetchHead(url);
  response.on('error', () => {});
  const status = response.statusCode as number;
  if (![200, 500].includes(status)) throw new Error(`${place} was answered with ${status}`);
  for (const client of own.clients.values()) {
    if (place === 'sendFrom') {
      void client.sendFrom({ [Symbol.iterator]: () => ({ next: act, return: act }) });
    }
    void client.sendEvent('x', { a: 1 });
  }
  void own.send({ a: 1 });
  void own.to('a').send(1n);
  for (let turns = 0; turns < 5; turns++) await turn();
  response.destroy();
  await own.close({ timeout: 200 });
  const { connected, opening } = own.stats();
  if (connected + opening > 0) throw new Error(`${place}: somebody is left registered`);
}

/** Every function that a user hands in does everything that it should not. */
export async function attackWithUserCode(rounds: number): Promise<string> {
  let trials = 0;
  for (let round = 0; round < rounds; round++) {
    for (const place of PLACES) {
      for (const [name, deed] of Object.entries(DEEDS)) {
        await trial(place, deed).catch((cause) => {
          throw new Error(`${place} ${name}: ${cause}`, { cause });
        });
        trials++;
      }
    }
  }
  return `${trials} trials of ${PLACES.length} functions that do ${Object.keys(DEEDS).length} things: no uncaught exception`;
}
