import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Open, Streams } from './stream.js';

/** Clients for Node, in a process of their own: some of their packages are ES modules alone. */
export async function withNode<T>(work: (open: Open) => Promise<T>): Promise<T> {
  const child = fork(join(__dirname, 'node.mjs'));
  const streams = new Streams((command) => child.send(command));
  await once(child, 'message');
  child.on('message', (news) => streams.take(news as Parameters<Streams['take']>[0]));
  const exited = once(child, 'exit');
  try {
    return await work(streams.open);
  } finally {
    child.disconnect();
    await exited;
  }
}
