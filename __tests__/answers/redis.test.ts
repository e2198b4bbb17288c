import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createClient } from 'redis';
import { type Answers, type AnswersOptions, createAnswers } from '../../lib/answers/answers.js';
import { type RedisLogOptions, redisLog } from '../../lib/redis/redis-log.js';
import {
  answersContract,
  placeOf,
  readWhole,
  standstillContract,
  textOf,
} from '../support/answers-contract.js';
import { stopEngines } from '../support/engine.js';
import { describeWith } from '../support/needs.js';
import { REDIS, type RedisServer, redisServer } from '../support/redis-server.js';
import { refusal } from '../support/refusal.js';
import { fetchHead, StreamReader } from '../support/stream-client.js';

describeWith(REDIS, 'an answer in Redis', (path) => {
  let server: RedisServer;
  let prefix = '';
  const all: Answers[] = [];

  beforeAll(async () => {
    server = redisServer(path);
    await server.start();
  });

  beforeEach(() => {
    prefix = randomUUID();
  });

  afterEach(async () => {
    await Promise.all(all.splice(0).map((answers) => answers.close()));
  });

  afterAll(stopEngines);

  const logOf = (options: RedisLogOptions = {}) =>
    redisLog(createClient({ url: server.url }), { prefix, ...options });

  async function open(options: AnswersOptions = {}): Promise<Answers> {
    const answers = createAnswers({ log: logOf(), ...options });
    all.push(answers);
    return answers;
  }

  answersContract(open);
  standstillContract(open, (ms) => server.command('CLIENT', 'PAUSE', String(ms)));

  test('is in one of several logs, which its id chooses', async () => {
    const logs = () => ['1', '2'].map((name) => logOf({ prefix: `${prefix}-${name}` }));
    const [here, there] = [
      await open({ log: logs() as never }),
      await open({ log: logs() as never }),
    ];
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const id of ids) await (await here.start(id)).sendFrom([id]);
    expect((await there.list()).map(({ id }) => id)).toEqual(ids);
    for (const id of ids) {
      const events = [];
      for await (const event of there.read(id)) events.push(event.data);
      expect(events).toEqual([id, '{}']);
    }
    const client = await createClient({ url: server.url }).connect();
    for (const name of ['1', '2']) {
      expect(await client.exists(`sse:{${prefix}-${name}}:log`)).toBe(1);
    }
    client.destroy();
  });

  test('goes on after Redis was away, and until then its new readers are asked to come later', async () => {
    const own = redisServer(path);
    await own.start();
    const log = () => redisLog(createClient({ url: own.url }), { prefix });
    const [here, there] = [
      await placeOf(await open({ log: log(), sendTimeout: 60_000 })),
      await placeOf(await open({ log: log(), sendTimeout: 60_000, retry: 50 })),
    ];
    const answer = await here.answers.start('long');
    await answer.send('before ');
    const reader = await StreamReader.open(`${there.url}/long`);
    await reader.received(1);
    await own.kill();
    const during = answer.send('during ');
    const unknown = await readWhole(`${there.url}/unknown`);
    expect(unknown.response.statusCode).toBe(200);
    expect(unknown.text).toMatch(/^retry: \d+\n\n$/);
    await own.start();
    await during;
    await answer.end();
    await reader.end();
    expect(textOf(reader.events)).toBe('before during ');
    expect(reader.events.at(-1)?.type).toBe('done');
    expect((await fetchHead(`${there.url}/unknown`)).statusCode).toBe(404);
  });

  test('is lost with its log, and says so to its readers and to its producer', async () => {
    const own = redisServer(path);
    await own.start();
    const { answers, url } = await placeOf(
      await open({ log: redisLog(createClient({ url: own.url }), { prefix }) }),
    );
    const answer = await answers.start('wiped');
    await answer.send('x');
    const reader = await StreamReader.open(`${url}/wiped`);
    await reader.received(1);
    const client = await createClient({ url: own.url }).connect();
    await client.flushAll();
    client.destroy();
    if (!answer.signal.aborted) await once(answer.signal, 'abort');
    await reader.end();
    expect(reader.events.at(-1)).toMatchObject({ type: 'failed', data: '{"reason":"lost"}' });
    expect((await fetchHead(`${url}/wiped`)).statusCode).toBe(404);
    await (await answers.start('wiped')).end();
  });

  test('has as many events as a room of its log keeps, and fails beyond that', async () => {
    const log = logOf({ history: { room: { events: 3 } } });
    const answers = await open({ log, every: 0 });
    const answer = await answers.start('few');
    await answer.sendFrom(['1', '2', '3', '4', '5']);
    await expect(answers.status('few')).resolves.toBe('failed');
  });

  test('needs a log whose rooms last as long as it may', () => {
    const log = logOf({ history: { room: { age: 1000 } } });
    expect(refusal(() => createAnswers({ log, keep: 500, maxTime: 600 }))).toBe(
      'RangeError: log: its history.room.age, 1000 ms, must be at least keep and maxTime together, 1100 ms',
    );
  });
});
