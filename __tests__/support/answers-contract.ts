import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, AnswerEvent, Answers, AnswersOptions } from '../../lib/answers/answers.js';
import { range } from './range.js';
import { serve } from './server.js';
import { fetchHead, StreamReader } from './stream-client.js';

export interface Place {
  readonly answers: Answers;
  readonly url: string;
}

/** One of several processes that share answers, or all of them where they are in memory. */
export type OpenAnswers = (options?: AnswersOptions) => Promise<Answers>;

/** A server for the answers that closes with the test. */
export async function placeOf(answers: Answers): Promise<Place> {
  const route = answers.route((req) => (req.url ?? '').slice(1).split('?')[0] as string);
  return { answers, url: await serve((req, res) => route(req, res)) };
}

/** The text of a reader's events up to the end. */
export function textOf(
  events: readonly { readonly type: string; readonly data: string }[],
): string {
  return events
    .filter(({ type }) => type === 'message')
    .map(({ data }) => data)
    .join('');
}

/** What a reader has had when its stream is over. */
export async function readWhole(url: string, lastEventId?: string): Promise<StreamReader> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const reader = await StreamReader.open(url, { headers });
  await reader.end();
  return reader;
}

export async function collect(events: AsyncIterable<AnswerEvent>): Promise<AnswerEvent[]> {
  const all: AnswerEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

async function* tokens(count: number, pause = 0): AsyncGenerator<string> {
  for (const index of range(count)) {
    if (pause > 0) await sleep(pause);
    yield `token${index} `;
  }
}

const tokensAsText = (count: number) =>
  range(count)
    .map((index) => `token${index} `)
    .join('');

/** What holds for answers over any log. `open` makes the answers of one more process. */
export function answersContract(open: OpenAnswers): void {
  async function two(options?: AnswersOptions): Promise<[Place, Place]> {
    const [here, there] = [await open(options), await open(options)];
    return [await placeOf(here), await placeOf(there)];
  }

  test('gives a reader the whole answer, then the end, and 204 after that', async () => {
    const [here, there] = await two();
    const answer = await here.answers.start();
    await answer.sendFrom(tokens(20));
    const reader = await readWhole(`${there.url}/${answer.id}`);
    expect(textOf(reader.events)).toBe(tokensAsText(20));
    expect(reader.events.at(-1)).toMatchObject({ type: 'done', data: '{}' });
    const again = await fetchHead(`${there.url}/${answer.id}`, {
      headers: { 'last-event-id': reader.events.at(-1)?.id },
    });
    expect(again.statusCode).toBe(204);
  });

  test('gives readers that come early, late and again the same text, in the middle of it', async () => {
    const [here, there] = await two();
    const answer = await here.answers.start('one');
    const early = await StreamReader.open(`${there.url}/one`);
    const sent = answer.sendFrom(tokens(60, 5));
    await early.received(2);
    const [first, second] = early.events;
    const late = readWhole(`${here.url}/one`);
    const again = readWhole(`${there.url}/one`, first?.id);
    await Promise.all([sent, early.end()]);
    expect(textOf(early.events)).toBe(tokensAsText(60));
    expect(textOf((await late).events)).toBe(tokensAsText(60));
    const rest = await again;
    expect(rest.events[0]).toEqual(second);
    expect(textOf([first as never, ...rest.events])).toBe(tokensAsText(60));
  });

  test('answers 404 for what is unknown or has expired', async () => {
    const [here, there] = await two({ keep: 50 });
    expect((await fetchHead(`${there.url}/nothing`)).statusCode).toBe(404);
    await expect(there.answers.status('nothing')).resolves.toBeUndefined();
    const answer = await here.answers.start('short');
    await answer.send('x');
    await answer.end();
    while ((await there.answers.status('short')) !== undefined) await sleep(10);
    expect((await fetchHead(`${there.url}/short`)).statusCode).toBe(404);
    await expect(collect(there.answers.read('short'))).rejects.toMatchObject({
      code: 'ERR_SSE_ANSWER_UNKNOWN',
      status: 404,
    });
  });

  test('is stopped from any process, before its first chunk as well', async () => {
    const [here, there] = await two();
    const answer = await here.answers.start('early');
    const reader = await StreamReader.open(`${there.url}/early`);
    await expect(there.answers.stop('early')).resolves.toBe('stopped');
    if (!answer.signal.aborted) await once(answer.signal, 'abort');
    await reader.end();
    expect(reader.events).toMatchObject([{ type: 'stopped', data: '{}' }]);
    await expect(answer.send('late')).rejects.toMatchObject({ code: 'ERR_SSE_ANSWER_ENDED' });
    expect(answer.status).toBe('stopped');
    await expect(here.answers.stop('early')).resolves.toBe('stopped');
  });

  test('that is stopped has its source returned, and ends with what was stored', async () => {
    const [here, there] = await two();
    let returned = () => {};
    const isReturned = new Promise<void>((resolve) => {
      returned = resolve;
    });
    async function* endless() {
      try {
        for (let index = 0; ; index++) {
          await sleep(1);
          yield `${index},`;
        }
      } finally {
        returned();
      }
    }
    const answer = await here.answers.start('endless');
    const sent = answer.sendFrom(endless());
    const reader = await StreamReader.open(`${there.url}/endless`);
    await reader.received(3);
    await there.answers.stop('endless');
    await Promise.all([sent, isReturned, reader.end()]);
    expect(reader.events.at(-1)?.type).toBe('stopped');
    expect(reader.events.filter(({ type }) => type !== 'message')).toHaveLength(1);
    const whole = await readWhole(`${here.url}/endless`);
    expect(whole.events).toEqual(reader.events);
  });

  test('has one producer: another one of the same id is refused while it runs', async () => {
    const [here, there] = await two();
    const starts = await Promise.allSettled(
      [here, there, here, there].map(({ answers }) => answers.start('same')),
    );
    const won = starts.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const start of starts) {
      if (start.status === 'fulfilled') continue;
      expect(start.reason).toMatchObject({ code: 'ERR_SSE_ANSWER_EXISTS', status: 409 });
    }
    const [{ value }] = won as [PromiseFulfilledResult<Answer>];
    await value.send('only this');
    await value.end();
    expect(textOf((await readWhole(`${there.url}/same`)).events)).toBe('only this');
    const next = await there.answers.start('same');
    await next.send('another');
    await next.end();
    expect(textOf((await readWhole(`${here.url}/same`)).events)).toBe('another');
  });

  test('fails with a reason: its own, or that of its source', async () => {
    const [here, there] = await two({ onError: (error) => `sorry: ${(error as Error).message}` });
    const own = await here.answers.start('own');
    await own.fail('no model');
    expect((await readWhole(`${there.url}/own`)).events).toMatchObject([
      { type: 'failed', data: '{"reason":"no model"}' },
    ]);
    async function* broken() {
      yield 'half';
      throw new Error('cut');
    }
    const thrown = await here.answers.start('thrown');
    await expect(thrown.sendFrom(broken())).rejects.toThrow('cut');
    expect((await readWhole(`${there.url}/thrown`)).events).toMatchObject([
      { type: 'message', data: 'half' },
      { type: 'failed', data: '{"reason":"sorry: cut"}' },
    ]);
    await expect(there.answers.status('thrown')).resolves.toBe('failed');
  });

  test('that is larger than it may be fails, and its producer is notified', async () => {
    const [here, there] = await two({ maxBytes: 10 });
    const answer = await here.answers.start('large');
    await answer.send('12345');
    await expect(answer.send('123456')).rejects.toThrow(
      "answer 'large' takes nothing more: failed: it has more than maxBytes, 10 bytes",
    );
    expect((await readWhole(`${there.url}/large`)).events).toMatchObject([
      { data: '12345' },
      { type: 'failed', data: '{"reason":"too large"}' },
    ]);
    expect(answer.signal.aborted).toBe(true);
  });

  test('that takes too long fails', async () => {
    const [here, there] = await two({ maxTime: 100 });
    const answer = await here.answers.start('long');
    await answer.sendFrom(tokens(1000, 5));
    const { events } = await readWhole(`${there.url}/long`);
    expect(events.at(-1)).toMatchObject({ type: 'failed', data: '{"reason":"too long"}' });
  });

  test('keeps its text whatever the chunks: characters across bytes, joined, empty, objects', async () => {
    const [here, there] = await two();
    const bytes = Buffer.from('grüße 👋🏽 \n\n ends with a break\n');
    const answer = await here.answers.start('bytes');
    await answer.sendFrom([...bytes].map((byte) => Uint8Array.of(byte)));
    const reader = await readWhole(`${there.url}/bytes`);
    expect(textOf(reader.events)).toBe(bytes.toString());
    expect(reader.events.length).toBeLessThan(bytes.length);
    const parts = await here.answers.start('parts');
    await parts.sendFrom(['a', '', 'b', { delta: 'c' }, 'd', [1], 'e'], { type: 'part' });
    expect((await readWhole(`${there.url}/parts`)).data).toEqual([
      ...['ab', '{"delta":"c"}', 'd', '[1]', 'e'],
      '{}',
    ]);
  });

  test('reaches a slow reader whole, later, and is not slowed by it', async () => {
    const [here, there] = await two({ maxBytes: 10_000_000 });
    const answer = await here.answers.start('much');
    const response = await fetchHead(`${there.url}/much`);
    const size = 2000;
    await answer.sendFrom(range(2500).map((index) => ({ index, text: 'x'.repeat(size) })));
    expect(answer.status).toBe('done');
    const reader = new StreamReader(response);
    await reader.end();
    const chunks = reader.events.slice(0, -1).map(({ data }) => JSON.parse(data));
    expect(chunks.map(({ index }) => index)).toEqual(range(2500));
    expect(reader.events.at(-1)?.type).toBe('done');
  });

  test('is read by servers, at their own pace', async () => {
    const [here, there] = await two();
    const answer = await here.answers.start('served');
    const sent = answer.sendFrom(tokens(30, 1));
    const seen: AnswerEvent[] = [];
    for await (const event of there.answers.read('served')) {
      seen.push(event);
      await sleep(1);
    }
    await sent;
    expect(textOf(seen)).toBe(tokensAsText(30));
    expect(seen.at(-1)?.type).toBe('done');
    expect(await collect(here.answers.read('served'))).toEqual(seen);
  });

  test('is listed with its status, in every process', async () => {
    const [here, there] = await two();
    const running = await here.answers.start('a');
    await (await there.answers.start('b')).fail('why');
    for (const { answers } of [here, there]) {
      expect(await answers.list()).toMatchObject([
        { id: 'a', status: 'running', startedAt: expect.any(Date) },
        { id: 'b', status: 'failed' },
      ]);
    }
    await running.end();
  });

  test('is known to a process that starts later', async () => {
    const [here] = await two();
    const done = await here.answers.start('done');
    await done.sendFrom(tokens(5));
    const running = await here.answers.start('running');
    await running.send('first ');
    const late = await placeOf(await open());
    expect(textOf((await readWhole(`${late.url}/done`)).events)).toBe(tokensAsText(5));
    const reader = await StreamReader.open(`${late.url}/running`);
    await reader.received(1);
    await running.send('second');
    await running.end();
    await reader.end();
    expect(textOf(reader.events)).toBe('first second');
  });

  test('is refused to readers that may not have it', async () => {
    const [here, there] = await two({
      authorize: async (req, id) => req.headers.authorization === `for ${id}`,
    });
    const answer = await here.answers.start('mine');
    await answer.end();
    expect((await fetchHead(`${there.url}/mine`)).statusCode).toBe(403);
    const allowed = await fetchHead(`${there.url}/mine`, {
      headers: { authorization: 'for mine' },
    });
    expect(allowed.statusCode).toBe(200);
  });

  test('drops the oldest that has ended for a new one, and none that runs', async () => {
    const [here, there] = await two({ maxAnswers: 2 });
    await (await here.answers.start('1')).end();
    const second = await there.answers.start('2');
    const third = await here.answers.start('3');
    await expect(there.answers.status('1')).resolves.toBeUndefined();
    await expect(there.answers.start('4')).rejects.toMatchObject({
      code: 'ERR_SSE_ANSWERS_FULL',
      status: 503,
    });
    await Promise.all([second.end(), third.end()]);
    await (await there.answers.start('4')).end();
    expect((await here.answers.list()).map(({ id }) => id)).toEqual(['3', '4']);
  });

  test('ends with the event that the options say', async () => {
    const [here, there] = await two({
      readyEvent: false,
      headers: { 'x-protocol': 'v1' },
      endEvent: ({ status }) => ({ data: status === 'done' ? '[DONE]' : `[${status}]` }),
    });
    const answer = await here.answers.start('ui');
    await answer.sendFrom([{ type: 'text-delta', delta: 'x' }]);
    const { response, text } = await readWhole(`${there.url}/ui`);
    expect(response.headers['x-protocol']).toBe('v1');
    expect(text.replace(/^(id|retry): .*\n/gm, '')).toMatch(
      /data: \{"type":"text-delta","delta":"x"\}\n\ndata: \[DONE\]\n\n$/,
    );
  });

  test('a drain lets running answers end, and those that begin meanwhile, until it is closed', async () => {
    const [here] = await two();
    const answer = await here.answers.start('draining');
    const reader = await StreamReader.open(`${here.url}/draining`);
    const drained = here.answers.drain();
    const late = await here.answers.start();
    await answer.send('still here');
    expect(reader.ended).toBe(false);
    await answer.end();
    await late.end();
    await Promise.all([drained, reader.end()]);
    await here.answers.close();
    await expect(here.answers.start()).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED' });
    expect(textOf(reader.events)).toBe('still here');
    expect(reader.events.at(-1)?.type).toBe('done');
  });

  test('a drain fails what runs for too long', async () => {
    const [here] = await two();
    const answer = await here.answers.start('endless');
    const reader = await StreamReader.open(`${here.url}/endless`);
    await here.answers.drain({ timeout: 50 });
    expect(answer.signal.aborted).toBe(true);
    await reader.end();
    expect(reader.events).toMatchObject([{ type: 'failed', data: '{"reason":"shutdown"}' }]);
  });
}

/** What holds for answers in a server: `standStill` keeps it from answering for so many ms. */
export function standstillContract(
  open: OpenAnswers,
  standStill: (ms: number) => Promise<unknown>,
): void {
  test('goes on after its server stood still for six seconds', async () => {
    const [here, there] = [
      await open({ sendTimeout: 60_000 }),
      await open({ sendTimeout: 60_000 }),
    ];
    const answer = await here.start('long');
    await answer.send('before ');
    const events = there.read('long')[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ data: 'before ' });
    await standStill(6000);
    await answer.send('after');
    await answer.end();
    expect((await events.next()).value).toMatchObject({ data: 'after' });
    expect((await events.next()).value).toMatchObject({ type: 'done' });
  });
}
