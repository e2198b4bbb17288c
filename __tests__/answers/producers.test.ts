import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { type Answers, createAnswers } from '../../lib/answers/answers.js';
import { redisLog } from '../../lib/redis/redis-log.js';
import { collect, textOf } from '../support/answers-contract.js';
import { expectedText } from '../support/deploy/load.js';
import { stopEngines } from '../support/engine.js';
import { describeWith } from '../support/needs.js';
import { REDIS, type RedisServer, redisServer } from '../support/redis-server.js';

describeWith(REDIS, 'an answer that another process produces', (path) => {
  let server: RedisServer;
  let producer: ChildProcess;
  let url: string;
  let answers: Answers;

  beforeAll(async () => {
    server = redisServer(path);
    await server.start();
  });

  beforeEach(async () => {
    const prefix = randomUUID();
    producer = fork(join(__dirname, '../support/deploy/server.mjs'), {
      env: { ...process.env, REDIS_URL: server.url, PREFIX: prefix, TOKENS: '100', PAUSE: '10' },
      execArgv: [],
    });
    const [port] = await once(producer, 'message');
    url = `http://127.0.0.1:${port}`;
    const log = redisLog(createClient({ url: server.url }), { prefix: `${prefix}-answers` });
    answers = createAnswers({ log });
  });

  afterEach(async () => {
    producer.kill('SIGKILL');
    await answers.close();
  });

  afterAll(stopEngines);

  test('fails when the process is killed', async () => {
    await fetch(`${url}/ask/killed`, { method: 'POST' });
    const read = collect(answers.read('killed'));
    await sleep(200);
    producer.kill('SIGKILL');
    const events = await read;
    expect(events.at(-1)).toMatchObject({ type: 'failed', data: '{"reason":"lost"}' });
    expect(expectedText('killed', 100)).toContain(textOf(events));
  });

  test('goes on after the process was stalled for three seconds', async () => {
    await fetch(`${url}/ask/stalled`, { method: 'POST' });
    const read = collect(answers.read('stalled'));
    await sleep(200);
    producer.kill('SIGSTOP');
    await sleep(3000);
    producer.kill('SIGCONT');
    const events = await read;
    expect(events.at(-1)?.type).toBe('done');
    expect(textOf(events)).toBe(expectedText('stalled', 100));
  });

  test('takes nothing more of a process that was stalled for so long that it has failed', async () => {
    await fetch(`${url}/ask/fenced`, { method: 'POST' });
    const read = collect(answers.read('fenced'));
    await sleep(200);
    producer.kill('SIGSTOP');
    const events = await read;
    expect(events.at(-1)?.type).toBe('failed');
    producer.kill('SIGCONT');
    const response = await fetch(`${url}/answers/fenced`);
    const text = await response.text();
    expect(text.match(/^event: (done|failed)$/gm)).toEqual(['event: failed']);
    expect(await collect(answers.read('fenced'))).toEqual(events);
  });
});
