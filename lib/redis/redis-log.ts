// redis/: the engine that keeps a log in Redis Streams, and the clients it is handed.

import { randomBytes } from 'node:crypto';
import type { Log } from '../log/log.js';
import type { Engine } from '../log/shared/engine.js';
import {
  type RoomyLogHistoryOptions,
  readLogOptions,
  readRoomHistory,
  type SharedLogOptions,
} from '../log/shared/options.js';
import { sharedLog } from '../log/shared/shared-log.js';
import { connectorLike, type RedisClient } from './connection.js';
import { type Line, RedisSession } from './session.js';

export type {
  LogHistoryOptions,
  LogRoomHistoryOptions,
  RoomyLogHistoryOptions,
  SharedLogOptions,
} from '../log/shared/options.js';
export type { RedisClient } from './connection.js';

export interface RedisLogOptions extends SharedLogOptions {
  /**
   * How much the log keeps. All hubs that share the log should have the same bounds. Default
   * `{ events: 100_000, age: Infinity, room: { events: 100 } }`.
   */
  readonly history?: RoomyLogHistoryOptions | undefined;
}

/**
 * A log in Redis Streams (Redis 6.2 or newer, and what speaks its protocol), for hubs in any number
 * of processes.
 *
 *     const stream = sse({ log: redisLog(client, { prefix: 'orders' }) });
 *
 * `client` is a client of `redis` (5 or 6) or `ioredis` (5 or 6), also for a cluster, or behind
 * sentinels (`redis` from 6 on). The log only copies the client: it opens two connections of its own
 * with the client's settings, and closes them when its hub is closed. The client need not be connected.
 *
 * The keys are `sse:{<prefix>}:log`, `sse:{<prefix>}:all`, `sse:{<prefix>}:room:<room>`, `sse:{<prefix>}:meta` and
 * `sse:{<prefix>}:writer:<id>`; a cluster keeps them together.
 *
 * Throws a TypeError or RangeError for another client or a bad option.
 */
export function redisLog(client: RedisClient, options: RedisLogOptions = {}): Log {
  const common = readLogOptions('redisLog options', options, [], ['room']);
  let room = readRoomHistory(options.history?.room, common);
  const connect = connectorLike(client);
  const writer = randomBytes(9).toString('base64url');
  const line: Line = { isSlow: false };
  const engine: Engine = {
    write: { records: 500, bytes: 1024 * 1024 },
    connect: async () => new RedisSession(await connect(), { ...common, room }, writer, line),
  };
  return {
    ...sharedLog(engine),
    keepRooms(wanted) {
      room = readRoomHistory(options.history?.room, common, wanted);
      return room;
    },
  };
}
