import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { createAnswers } from '../../../lib/answers/answers.js';
import { redisLog } from '../../../lib/redis/redis-log.js';
import { range } from '../range.js';
import type { RedisServer } from '../redis-server.js';
import { expectedText } from './load.js';

export interface TortureOptions {
  readonly answers: number;
  readonly tokens: number;
  /** Between two tokens, in ms. */
  readonly pause: number;
  /** A multiple of three: as many in each of three processes. */
  readonly readers: number;
}

/** What came of it. */
export interface TortureOutcome {
  readonly done: number;
  /** Those whose process was killed. */
  readonly lost: number;
  readonly reconnects: number;
  /** All that should not be. */
  readonly wrong: readonly string[];
}

/** How a reader has ended. */
interface Read {
  readonly id: string;
  readonly text: string;
  readonly ends: readonly string[];
  readonly wrong: readonly string[];
  readonly reconnects: number;
}

interface Node {
  readonly child: ChildProcess;
  readonly url: string;
}

/**
 * Three processes produce answers over one Redis, and readers in three others read them, while one of each is killed and
 * Redis is restarted.
 */
// Long, because it is one story.
export async function tortureAnswers(
  server: RedisServer,
  prefix: string,
  { answers: count, tokens, pause, readers }: TortureOptions,
): Promise<TortureOutcome> {
  const children = new Set<ChildProcess>();
  const start = (file: string, env: NodeJS.ProcessEnv = {}): ChildProcess => {
    const child = fork(join(__dirname, file), { env: { ...process.env, ...env }, execArgv: [] });
    children.add(child);
    return child;
  };
  const startNode = async (): Promise<Node> => {
    const child = start('server.mjs', {
      ...{ REDIS_URL: server.url, PREFIX: prefix, PORT: '0' },
      ...{ TOKENS: String(tokens), PAUSE: String(pause) },
    });
    const [port] = await once(child, 'message');
    return { child, url: `http://127.0.0.1:${port}` };
  };
  const log = redisLog(createClient({ url: server.url }), { prefix: `${prefix}-answers` });
  const own = createAnswers({ log });
  try {
    const nodes = await Promise.all([startNode(), startNode(), startNode()]);
    const ids = range(count).map((index) => `answer${index}`);
    for (const [index, id] of ids.entries()) {
      const { url } = nodes[index % nodes.length] as Node;
      const { status } = await fetch(`${url}/ask/${id}`, { method: 'POST' });
      if (status !== 200) throw new Error(`ask: ${status}`);
    }
    const shares = range(3).map((part) =>
      range(readers / 3).map((index) => ids[(index * 3 + part) % count] as string),
    );
    const urls = () => nodes.map(({ url }) => url);
    const results: Promise<Read[]>[] = [];
    const read = (share: readonly string[]): ChildProcess => {
      const child = start('readers.mjs');
      child.send({ urls: urls(), read: share });
      results.push(once(child, 'message').then(([result]) => result as Read[]));
      return child;
    };
    const crowds = shares.map(read);
    const length = tokens * pause;
    await sleep(length / 5);
    // A process of readers, and one of producers, are gone without a word.
    results.pop();
    crowds.pop()?.kill('SIGKILL');
    crowds.push(read(shares[2] as string[]));
    nodes[0]?.child.kill('SIGKILL');
    nodes[0] = await startNode();
    for (const crowd of crowds) crowd.send({ urls: urls() });
    await sleep(length / 5);
    await server.kill();
    await server.start();
    const all = (await Promise.all(results)).flat();
    const wrong: string[] = [];
    let [done, lost] = [0, 0];
    for (const id of ids) {
      const stored = await storedText(own.read(id));
      const expected = expectedText(id, tokens);
      if (stored.ends.join() === 'done {}') done++;
      else lost++;
      const isRight =
        stored.ends.join() === 'done {}'
          ? stored.text === expected
          : stored.ends.join() === 'failed {"reason":"lost"}' && expected.startsWith(stored.text);
      if (!isRight) wrong.push(`${id}: stored ${stored.ends} with ${stored.text.slice(-50)}`);
      for (const one of all.filter((read) => read.id === id)) {
        wrong.push(...one.wrong.map((what) => `${id}: ${what}`));
        if (one.text !== stored.text) wrong.push(`${id}: a reader has ${one.text.slice(-50)}`);
        if (one.ends.join() !== stored.ends.join()) wrong.push(`${id}: a reader has ${one.ends}`);
      }
    }
    if (all.length !== readers) wrong.push(`${all.length} readers have ended`);
    return { done, lost, wrong, reconnects: all.reduce((sum, one) => sum + one.reconnects, 0) };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await own.close();
  }
}

async function storedText(
  events: AsyncIterable<{ readonly type: string; readonly data: string }>,
): Promise<{ text: string; ends: string[] }> {
  let text = '';
  const ends: string[] = [];
  for await (const { type, data } of events) {
    if (type === 'message') text += data;
    else ends.push(`${type} ${data}`);
  }
  return { text, ends };
}
