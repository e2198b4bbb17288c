import { type Answers, createAnswers } from '../../lib/answers/answers.js';
import { isRoomOfAnswer } from '../../lib/answers/registry.js';
import { RoomStore } from '../../lib/answers/room-store.js';
import type { Log } from '../../lib/log/log.js';
import { memoryLog } from '../../lib/log/memory.js';
import { answersContract, collect, placeOf, readWhole } from '../support/answers-contract.js';
import { turn } from '../support/fake-sink.js';
import { refusal } from '../support/refusal.js';
import { StreamReader } from '../support/stream-client.js';

describe('an answer in memory', () => {
  let all: Answers | undefined;

  afterEach(async () => {
    await all?.close();
    all = undefined;
  });

  // There is one process alone: it stands for all of them.
  answersContract(async (options) => {
    all ??= createAnswers(options);
    return all;
  });

  test('leaves the memory when it has expired', async () => {
    const store = new RoomStore(isRoomOfAnswer);
    all = createAnswers({ log: store, keep: 1 });
    await (await all.start()).sendFrom(['x']);
    const bytes = async () =>
      (await store.read(0, 100)).reduce((sum, { fields }) => sum + fields.length, 0);
    expect(await bytes()).toBeGreaterThan(0);
    while ((await bytes()) > 0) await turn();
    expect(await all.list()).toEqual([]);
  });

  test('has nothing behind its end, for those who are there and for those who come', async () => {
    const store = new RoomStore(isRoomOfAnswer);
    const append = store.append.bind(store);
    // A producer that was fenced off, and has not noticed.
    store.append = (record, signal) => {
      const stored = append(record, signal);
      const [room] = record.rooms ?? [];
      if (record.rooms?.length === 3) {
        void append({ fields: Buffer.from('data: late\n'), rooms: [room as string] }, signal);
        void append({ ...record, fields: Buffer.from('event: failed\ndata: {}\n') }, signal);
      }
      return stored;
    };
    all = createAnswers({ log: store });
    const { url } = await placeOf(all);
    const answer = await all.start('fenced');
    const early = await StreamReader.open(`${url}/fenced`);
    await answer.send('x');
    await answer.end();
    await early.end();
    expect(early.events.map(({ data }) => data)).toEqual(['x', '{}']);
    expect((await readWhole(`${url}/fenced`)).events).toEqual(early.events);
    expect(await collect(all.read('fenced'))).toEqual(early.events);
    await expect(all.status('fenced')).resolves.toBe('done');
  });

  test('that nobody waits for says what has gone wrong, once, and harms nobody', async () => {
    const lines: string[] = [];
    const logger = { info() {}, warn: (line: string) => void lines.push(line) };
    all = createAnswers({ logger });
    const answer = await all.start('unheard');
    answer.sendFrom(
      (async function* () {
        yield* ['half'];
        throw new Error('cut');
      })(),
    );
    while ((await all.status('unheard')) === 'running') await turn();
    void answer.send('late');
    await turn();
    expect(lines).toEqual(["answer 'unheard' failed: Error: cut"]);
  });

  test('ends whatever the functions of the options do', async () => {
    const lines: string[] = [];
    const logger = { info() {}, warn: (line: string) => void lines.push(line) };
    all = createAnswers({
      logger,
      onError: () => 7 as never,
      endEvent: () => {
        throw new Error('no');
      },
    });
    const answer = await all.start('odd');
    await expect(
      answer.sendFrom(
        (async function* () {
          yield* ['half'];
          throw new Error('cut');
        })(),
      ),
    ).rejects.toThrow('cut');
    const types: string[] = [];
    for await (const { type } of all.read('odd')) types.push(type);
    expect(types).toEqual(['message', 'failed']);
    expect(lines).toEqual([
      'onError returned 7: must be a string',
      "answer 'odd' failed: Error: cut",
      "endEvent failed for { status: 'failed', reason: 'error' }: Error: no",
    ]);
  });

  test.each<[string, () => unknown]>([
    [
      "createAnswers options: there is no option 'kep', only",
      () => createAnswers({ kep: 1 } as object),
    ],
    ['keep 0: must be a number above 0', () => createAnswers({ keep: 0 })],
    ['maxBytes 1.5: must be an integer from 1', () => createAnswers({ maxBytes: 1.5 })],
    [
      'maxAnswers 10001: must be an integer from 1 to 10000',
      () => createAnswers({ maxAnswers: 10_001 }),
    ],
    ['every 1001: must be an integer from 0 to 1000', () => createAnswers({ every: 1001 })],
    ['endEvent 7: must be a function', () => createAnswers({ endEvent: 7 as never })],
    [
      'log []: must be a log, as redisLog() or natsLog() gives it, or a list',
      () => createAnswers({ log: [] as never }),
    ],
    ["log 'x': must be a log", () => createAnswers({ log: 'x' as unknown as Log })],
    [
      'log: one for answers must have the method readRooms',
      () => createAnswers({ log: memoryLog() }),
    ],
    ["headers 'x': must be an object", () => createAnswers({ headers: 'x' as never })],
    ['retry -1: must be an integer from 0', () => createAnswers({ retry: -1 })],
    ["route 'x': must be a function", () => createAnswers().route('x' as never)],
  ])('with a bad option is an error: %s', (message, make) => {
    expect(refusal(make)).toContain(message);
  });

  test.each<[string, (answers: Answers) => Promise<unknown>]>([
    ["answer id '': must be a string of 1 to 200 characters", (answers) => answers.start('')],
    ['answer id 7: must be', (answers) => answers.stop(7 as never)],
    [
      "type 'a\\nb': must be",
      async (answers) => (await answers.start()).send('x', { type: 'a\nb' }),
    ],
    ['sendFrom source 7: must be', async (answers) => (await answers.start()).sendFrom(7 as never)],
    [
      'fail reason 7: must be a string',
      async (answers) => (await answers.start()).fail(7 as never),
    ],
    ['Promise', async (answers) => (await answers.start()).send(Promise.resolve())],
  ])('with a bad argument is an error: %s', async (message, call) => {
    all = createAnswers();
    await expect(call(all)).rejects.toThrow(message);
  });
});
