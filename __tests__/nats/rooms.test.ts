import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Log } from '../../lib/log/log.js';
import type { LogHistoryOptions } from '../../lib/log/shared/options.js';
import { natsLog } from '../../lib/nats/nats-log.js';
import { type Engine, stopEngines } from '../support/engine.js';
import { NATS, natsServer } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { range } from '../support/range.js';
import { refusal } from '../support/refusal.js';
import { appendAll, begun, readAll, roomContract } from '../support/room-contract.js';
import { longLine } from '../support/slow-line.js';

const fields = Buffer.from('data: x\n');

describeWith(NATS, 'rooms in NATS', (path) => {
  let server: Engine;
  let connection: NatsConnection;
  let prefix = '';
  const logs: Log[] = [];

  beforeAll(async () => {
    server = natsServer(path);
    await server.start();
    connection = await connect({ servers: `127.0.0.1:${server.port}` });
  });

  beforeEach(() => {
    prefix = randomUUID();
  });

  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close?.();
  });

  afterAll(async () => {
    await connection.close();
    await stopEngines();
  });

  async function open(history: LogHistoryOptions = {}): Promise<Log> {
    const log = natsLog(jetstream(connection), { prefix, history });
    logs.push(log);
    return log;
  }

  roomContract(open);

  test('are read from a place that takes many questions to find, over a line on which each takes long', async () => {
    const { log } = await begun(await open());
    await appendAll(
      log,
      range(200).map((index) => ({ fields, rooms: [index < 100 ? 'a' : 'b'] })),
    );
    const line = await longLine(Number(server.port), 250);
    const far = await connect({ servers: `127.0.0.1:${line.port}` });
    const { log: own } = await begun(natsLog(jetstream(far), { prefix }));
    try {
      expect(await own.last?.(30, ['a'])).toBe(70);
    } finally {
      await own.close?.();
      await far.close();
      line.close();
    }
  });

  test('have subjects below the one of the log', async () => {
    const { log } = await begun(await open());
    await appendAll(log, [
      { fields },
      { fields, rooms: ['a'] },
      { fields, rooms: ['a', 'a'] },
      { fields, rooms: ['a', 'b'] },
    ]);
    const { streams } = await jetstreamManager(connection);
    const subjects = (await streams.info(`sse_${prefix}`, { subjects_filter: '>' })).state.subjects;
    expect(Object.values(subjects ?? {}).sort()).toEqual([1, 1, 2]);
    expect(Object.keys(subjects ?? {})).toContain(`sse.${prefix}`);
  });

  test('of a stream that has the one subject of an older version are read all the same', async () => {
    const { streams } = await jetstreamManager(connection);
    await streams.add({ name: `sse_${prefix}`, subjects: [`sse.${prefix}`], storage: 'memory' });
    const { log } = await begun(await open());
    await appendAll(log, [{ fields, rooms: ['a'] }, { fields, rooms: ['b'] }, { fields }]);
    const before = await readAll(log, 0, ['a'], 10);
    expect(before.entries.map(({ sequence }) => sequence)).toEqual([1, 3]);
    // Its owner gives it the others: from then on each room has its own.
    await streams.update(`sse_${prefix}`, { subjects: [`sse.${prefix}`, `sse.${prefix}.>`] });
    await log.caughtUp?.();
    await appendAll(log, [
      { fields, rooms: ['a'] },
      { fields, rooms: ['b'] },
    ]);
    const after = await readAll(log, 0, ['a'], 10);
    expect(after.entries.map(({ sequence }) => sequence)).toEqual([1, 3, 4]);
  });

  test('have no history of their own', () => {
    const options = { prefix, history: { room: { events: 5 } } } as object;
    expect(refusal(() => natsLog(jetstream(connection), options))).toBe(
      "TypeError: history: there is no option 'room', only events, age",
    );
  });
});
