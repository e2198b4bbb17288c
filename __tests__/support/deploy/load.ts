import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import { inTime } from '../in-time.js';
import { range } from '../range.js';
import type { Deployment } from './deployment.js';

/** What the servers answer. */
export function expectedText(id: string, count: number): string {
  return range(count)
    .map((index) => `${id}:${index} `)
    .join('');
}

/** How many read, and the pause between two sends, in ms. */
export interface Load {
  readonly readers: number;
  readonly pause: number;
}

/** What users do while processes are restarted, and what came of it. */
export interface Outcome {
  /** Sends that were made, and what was wrong with those that failed. */
  readonly sends: number;
  readonly failed: readonly string[];
  /** Events that some reader lacks, or has had twice or too early. */
  readonly wrong: readonly string[];
  readonly answers: number;
  /** Answers without their whole text, or without one end. */
  readonly broken: readonly string[];
}

/** Readers that stay, a sender that sends again and again, and answers: while `restart` runs. */
export async function underLoad(
  { port }: Deployment,
  { readers, pause }: Load,
  restart: () => Promise<void>,
): Promise<Outcome> {
  const url = `http://127.0.0.1:${port}`;
  const pages = fork(join(__dirname, 'pages.mjs'), { execArgv: [] });
  try {
    await ask(pages, { url: `${url}/stream`, count: readers });
    const { sends, ids, failed } = await sendWhile(url, pause, restart);
    const wrong = await ask(pages, { sent: sends });
    const answers = await Promise.all(
      ids.map((id) => check(`${url}/answers/${id}`, expectedText(id, 50))),
    );
    return {
      ...{ sends, failed, wrong, answers: ids.length },
      broken: answers.filter((one) => one !== ''),
    };
  } finally {
    pages.kill();
  }
}

/** What the pages say. */
async function ask(pages: ChildProcess, message: object): Promise<string[]> {
  pages.send(message);
  const [said] = await inTime(`pages ${JSON.stringify(message)}`, once(pages, 'message'), 90_000);
  return said;
}

/** Sends again and again, and asks for answers, while `restart` runs. */
async function sendWhile(url: string, pause: number, restart: () => Promise<void>) {
  const failed: string[] = [];
  let isOver = false;
  const post = (path: string) => request(`${url}${path}`, { method: 'POST' }, failed);
  let sends = 0;
  const sending = async () => {
    for (; !isOver; await sleep(pause)) if (await post(`/send/${sends}`)) sends++;
  };
  const ids: string[] = [];
  const asking = async () => {
    for (; !isOver; await sleep(200)) {
      const id = `answer-${ids.length}`;
      if (await post(`/ask/${id}`)) ids.push(id);
    }
  };
  const busy = Promise.all([sending(), asking()]);
  try {
    await restart();
  } finally {
    isOver = true;
    await busy;
  }
  return { sends, ids, failed };
}

/** Visitors with a connection for each request, while `restart` runs: what was wrong with their requests. */
export async function underVisits(
  { port }: Deployment,
  visitorCount: number,
  restart: () => Promise<void>,
): Promise<string[]> {
  const failed: string[] = [];
  let isOver = false;
  const visiting = async () => {
    const init = { headers: { connection: 'close' } };
    while (!isOver) await request(`http://127.0.0.1:${port}/health`, init, failed);
  };
  const busy = Promise.all(range(visitorCount).map(visiting));
  try {
    await restart();
  } finally {
    isOver = true;
    await busy;
  }
  return failed;
}

/** Tells whether it was answered; what was wrong goes to `failed`. */
async function request(url: string, init: RequestInit, failed: string[]): Promise<boolean> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(60_000) });
    const text = await response.text();
    if (response.ok) return true;
    failed.push(`${url}: ${response.status} ${text}`);
  } catch (error) {
    failed.push(`${url}: ${(error as Error).cause ?? error}`);
  }
  return false;
}

/** Reads an answer to its end, and says what is wrong with it. */
async function check(url: string, expected: string): Promise<string> {
  let text = '';
  const ends: string[] = [];
  const source = new EventSource(url);
  const over = new Promise<void>((resolve) => {
    source.addEventListener('message', ({ data }) => {
      text += data;
    });
    for (const type of ['done', 'stopped', 'failed']) {
      source.addEventListener(type, ({ data }) => ends.push(`${type} ${data}`));
    }
    // It reconnects once more after the end, and is told to stop.
    source.addEventListener('error', () => source.readyState === source.CLOSED && resolve());
  });
  await inTime(() => `${url}: ${ends.join()}, ${text.length} characters`, over);
  if (text === expected && ends.join() === 'done {}') return '';
  return `${url}: ${ends.join()}, ${text.length} of ${expected.length} characters`;
}
