import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import { withTimeLimit } from '../../../lib/util/time-limit.js';
import { range } from '../range.js';
import type { Deployment } from './deployment.js';

/** How long to wait for pages and answers, in ms. */
const LIMIT = 90_000;

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
  const [said] = await withTimeLimit(once(pages, 'message'), LIMIT, JSON.stringify(message));
  return said;
}

/** Sends again and again, and asks for answers, while `restart` runs. */
async function sendWhile(url: string, pause: number, restart: () => Promise<void>) {
  const failed: string[] = [];
  const post = (path: string) => request(`${url}${path}`, { method: 'POST' }, failed);
  let sends = 0;
  const send = async () => {
    if (await post(`/send/${sends}`)) sends++;
    await sleep(pause);
  };
  const ids: string[] = [];
  const askForAnswer = async () => {
    const id = `answer-${ids.length}`;
    if (await post(`/ask/${id}`)) ids.push(id);
    await sleep(200);
  };
  await during(restart, [send, askForAnswer]);
  return { sends, ids, failed };
}

/** Visitors with a connection for each request, while `restart` runs: what was wrong with their requests. */
export async function underVisits(
  { port }: Deployment,
  visitorCount: number,
  restart: () => Promise<void>,
): Promise<string[]> {
  const failed: string[] = [];
  const init = { headers: { connection: 'close' } };
  const visit = () => request(`http://127.0.0.1:${port}/health`, init, failed);
  await during(restart, Array(visitorCount).fill(visit));
  return failed;
}

/** Does each of these again and again while `restart` runs. */
async function during(
  restart: () => Promise<void>,
  steps: readonly (() => Promise<unknown>)[],
): Promise<void> {
  let isOver = false;
  const repeat = async (step: () => Promise<unknown>) => {
    while (!isOver) await step();
  };
  const busy = Promise.all(steps.map(repeat));
  try {
    await restart();
  } finally {
    isOver = true;
    await busy;
  }
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
  const late = await withTimeLimit(over, LIMIT, 'to be closed').then(() => '', String);
  if (late === '' && text === expected && ends.join() === 'done {}') return '';
  return `${url}: ${late} ${ends.join()}, ${text.length} of ${expected.length} characters`;
}
