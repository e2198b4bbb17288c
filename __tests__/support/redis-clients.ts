import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { createClient, createCluster } from 'redis';
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5';

export interface Connected<Client> {
  readonly client: Client;
  /** Gives the connection up at once, whatever it still waits for. */
  close(): Promise<void>;
}

/** How to get a connected client from one of the libraries, for the server at that URL. */
export interface RedisLibrary<Client> {
  readonly name: string;
  connect(url: string): Promise<Connected<Client>>;
}

export const redisClients = [
  nodeRedis('redis 6', (url) => createClient({ url })),
  nodeRedis('redis 5', (url) => createClient5({ url })),
  ioredis('ioredis 6', (url) => new Redis(url, { lazyConnect: true })),
  ioredis('ioredis 5', (url) => new Redis5(url, { lazyConnect: true })),
];

/** By default a cluster has one second to name its nodes: too little on a busy machine. */
const PATIENT = { lazyConnect: true, slotsRefreshTimeout: 20_000 };

/** The same for a cluster, of which the URL names one node. */
export const redisClusterClients = [
  nodeRedis('redis 6', (url) => createCluster({ rootNodes: [{ url }] })),
  nodeRedis('redis 5', (url) => createCluster5({ rootNodes: [{ url }] })),
  ioredis('ioredis 6', (url) => new Cluster([url], PATIENT)),
  ioredis('ioredis 5', (url) => new Cluster5([url], PATIENT)),
];

interface AnyClient {
  on(type: 'error', listener: () => void): unknown;
  connect(): Promise<unknown>;
}

function nodeRedis<Client extends AnyClient & { readonly isOpen: boolean; destroy(): void }>(
  name: string,
  create: (url: string) => Client,
): RedisLibrary<Client> {
  return library(name, create, (client) => {
    if (client.isOpen) client.destroy();
  });
}

function ioredis<Client extends AnyClient & { disconnect(): void }>(
  name: string,
  create: (url: string) => Client,
): RedisLibrary<Client> {
  return library(name, create, (client) => client.disconnect());
}

function library<Client extends AnyClient>(
  name: string,
  create: (url: string) => Client,
  drop: (client: Client) => void,
): RedisLibrary<Client> {
  return {
    name,
    async connect(url) {
      const client = create(url);
      // Without a listener a lost connection would be an uncaught error.
      client.on('error', () => {});
      await client.connect();
      return { client, close: async () => drop(client) };
    },
  };
}
