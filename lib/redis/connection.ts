import { quote } from '../errors.js';
import { withTimeLimit } from '../util/time-limit.js';

/** How long it may take to connect, in ms: less than the time limit of all that is asked. */
const CONNECT_LIMIT = 3000;

/**
 * How long a connection within a client, to a node of a cluster or to a sentinel, may receive
 * nothing, in ms. Some can't be closed while the client still looks for its servers.
 */
const INNER_LIMIT = 2500;

/** How often such a connection is pinged while there is nothing to do, in ms. */
const INNER_PING = 1000;

/** Arguments of which only the client that takes them knows the types. */
type Any = never[];

/**
 * A client of `redis` (5 or 6) or of `ioredis` (5 or 6), also for a cluster or behind sentinels
 * (`redis` from 6 on), by what tells it from everything else.
 */
export type RedisClient =
  | {
      duplicate(...overrides: Any): unknown;
      sendCommand(...args: Any): Promise<unknown>;
      destroy(): void;
    }
  | { duplicate(...overrides: Any): unknown; callBuffer(...args: Any): Promise<unknown> };

/** The log's own connection to Redis. */
export interface RedisConnection {
  /** Sends one command, whose first key is `key`; replies come as Buffers. */
  command(key: string, args: readonly (string | Buffer)[]): Promise<unknown>;
  /** Ends it at once. */
  close(): void;
}

/** What is used of a node-redis client, also of its cluster client and its sentinel client. */
interface NodeRedis {
  readonly options?: { readonly socket?: object } | undefined;
  /** A cluster client's. */
  readonly _options?: { readonly defaults?: { readonly socket?: object } | undefined };
  duplicate(overrides?: object): NodeRedis;
  on(type: 'error', listener: () => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(...args: unknown[]): Promise<unknown>;
}

/** What is used of an ioredis client, or of its cluster client. */
interface IoRedis {
  readonly isCluster: boolean;
  readonly options?: { readonly redisOptions?: object };
  duplicate(...overrides: unknown[]): IoRedis;
  on(type: 'error', listener: () => void): unknown;
  connect(): Promise<unknown>;
  disconnect(): void;
  callBuffer(...args: unknown[]): Promise<unknown>;
}

/**
 * Returns a function that opens a further connection like this client's. The connection neither
 * reconnects by itself nor keeps commands for later: the log decides both, since it knows what may be
 * sent twice.
 *
 * Throws a TypeError for what is neither a client of `redis` nor of `ioredis`.
 */
export function connectorLike(client: RedisClient): () => Promise<RedisConnection> {
  if (isIoRedis(client)) return () => connectIoRedis(client);
  if (isNodeRedis(client)) return () => connectNodeRedis(client);
  const right = isSentinel(Object(client))
    ? 'must be one that can be copied: for sentinels, a client of redis 6 or ioredis'
    : 'must be a client of redis or ioredis';
  throw new TypeError(`redisLog client ${quote(client)}: ${right}`);
}

function isIoRedis(client: unknown): client is IoRedis {
  const { callBuffer, duplicate } = (client ?? {}) as Partial<IoRedis>;
  return typeof callBuffer === 'function' && typeof duplicate === 'function';
}

function isNodeRedis(client: unknown): client is NodeRedis {
  const { sendCommand, duplicate, destroy } = (client ?? {}) as Partial<NodeRedis>;
  return [sendCommand, duplicate, destroy].every((method) => typeof method === 'function');
}

async function connectIoRedis(client: IoRedis): Promise<RedisConnection> {
  const options = {
    enableOfflineQueue: false,
    retryStrategy: null,
    sentinelRetryStrategy: null,
    sentinelCommandTimeout: INNER_LIMIT,
    maxRetriesPerRequest: 0,
    reconnectOnError: null,
    // With it, a command is only possible through its own method.
    enableAutoPipelining: false,
    // A wait for new entries is no sign of a dead connection.
    commandTimeout: undefined,
    socketTimeout: undefined,
  };
  const copy = client.isCluster
    ? client.duplicate([], {
        lazyConnect: true,
        clusterRetryStrategy: null,
        retryDelayOnFailover: 0,
        retryDelayOnClusterDown: 0,
        enableAutoPipelining: false,
        // A replica may lag behind the master.
        scaleReads: 'master',
        redisOptions: { ...client.options?.redisOptions, ...options },
      })
    : client.duplicate({ lazyConnect: true, ...options });
  return open(copy, {
    command: (_key, args) => copy.callBuffer(...args),
    close: () => copy.disconnect(),
  });
}

/** RESP's type of bulk strings (https://redis.io/docs/latest/develop/reference/protocol-spec). */
const BLOB_STRING = 36;

async function connectNodeRedis(client: NodeRedis): Promise<RedisConnection> {
  const options = { typeMapping: { [BLOB_STRING]: Buffer }, timeout: undefined };
  const copy = duplicateNodeRedis(client);
  const route = routeOf(client);
  const destroy = async () => copy.destroy();
  return open(copy, {
    command: (key, args) => copy.sendCommand(...route(key), args, options),
    close: () => {
      // A client that is not open throws.
      destroy().catch(() => {});
    },
  });
}

/** The arguments before a command that send it to the right server. */
function routeOf(client: NodeRedis): (key: string) => unknown[] {
  if (isCluster(client)) return (key) => [key, false];
  if (isSentinel(client)) return () => [false];
  return () => [];
}

function isCluster(client: NodeRedis): boolean {
  return 'slots' in client;
}

function isSentinel(client: object): boolean {
  return 'getSentinelNode' in client;
}

function duplicateNodeRedis(client: NodeRedis): NodeRedis {
  if (isSentinel(client)) return client.duplicate();
  if (isCluster(client)) return duplicateCluster(client);
  return client.duplicate({
    socket: { ...client.options?.socket, reconnectStrategy: false, socketTimeout: undefined },
    disableOfflineQueue: true,
  });
}

function duplicateCluster(client: NodeRedis): NodeRedis {
  if (client._options === undefined) return client.duplicate();
  const { defaults } = client._options;
  return client.duplicate({
    defaults: {
      ...defaults,
      pingInterval: INNER_PING,
      socket: { ...defaults?.socket, socketTimeout: INNER_LIMIT },
    },
  });
}

async function open(
  copy: Pick<NodeRedis, 'on' | 'connect'>,
  connection: RedisConnection,
): Promise<RedisConnection> {
  let cause: Error | undefined;
  // The commands fail as well, with a less plain message.
  copy.on('error', ((error: Error) => {
    cause = error;
  }) as () => void);
  const connecting = copy.connect();
  try {
    // Nothing else ends a connection that is accepted and then never answered.
    await withTimeLimit(connecting, CONNECT_LIMIT, 'to connect to Redis');
    return connection;
  } catch (error) {
    connection.close();
    // Some clients look for their servers to the end, and only notice then that they were closed.
    connecting.then(connection.close, () => {});
    throw cause ?? error;
  }
}
