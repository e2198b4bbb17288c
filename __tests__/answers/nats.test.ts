import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type Answers, type AnswersOptions, createAnswers } from '../../lib/answers/answers.js';
import { natsLog } from '../../lib/nats/nats-log.js';
import {
  answersContract,
  collect,
  placeOf,
  standstillContract,
} from '../support/answers-contract.js';
import { type Engine, stopEngines } from '../support/engine.js';
import { NATS, natsServer } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { fetchHead } from '../support/stream-client.js';

describeWith(NATS, 'an answer in NATS', (path) => {
  let server: Engine;
  let connection: NatsConnection;
  let prefix = '';
  const all: Answers[] = [];

  beforeAll(async () => {
    server = natsServer(path);
    await server.start();
    connection = await connect({ servers: `127.0.0.1:${server.port}` });
  });

  beforeEach(() => {
    prefix = randomUUID();
  });

  afterEach(async () => {
    await Promise.all(all.splice(0).map((answers) => answers.close()));
  });

  afterAll(async () => {
    await connection.close();
    await stopEngines();
  });

  const logOf = (events?: number) =>
    natsLog(jetstream(connection), { prefix, history: { events } });

  const open = async (options: AnswersOptions = {}) => {
    const answers = createAnswers({ log: logOf(), ...options });
    all.push(answers);
    return answers;
  };

  answersContract(open);
  standstillContract(open, async (ms) => {
    server.freeze();
    await sleep(ms);
    server.thaw();
  });

  test('is 404 when the stream has dropped its beginning', async () => {
    const answers = createAnswers({ log: logOf(5), every: 0 });
    all.push(answers);
    const { url } = await placeOf(answers);
    const answer = await answers.start('old');
    await answer.sendFrom(['1', '2', '3', '4', '5', '6', '7']);
    expect((await fetchHead(`${url}/old`)).statusCode).toBe(404);
    await expect(collect(answers.read('old'))).rejects.toMatchObject({
      code: 'ERR_SSE_ANSWER_UNKNOWN',
    });
  });
});
