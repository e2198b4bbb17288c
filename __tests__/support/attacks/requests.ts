import { connect } from 'node:net';
import { createHub } from '../../../lib/index.js';
import { serve } from '../server.js';
import { fetchHead } from '../stream-client.js';
import { Random } from './random.js';

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'M-SEARCH',
  'get',
  'G E T',
  '',
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/9.9', 'http/1.1', ''];
const IDS = [
  'x',
  'a.1',
  'a.99999999999999999999',
  '\u00ff\u00fe',
  '0'.repeat(8000),
  '..',
  'a.-1',
  '',
  ' ',
  'a.1, b.2',
];
const TARGETS = [
  '/',
  '/?lastEventId=x',
  '/?lastEventId=a.1&lastEventId=b.2',
  '/??lastEventId=%00',
  '/?lastEventId=%E0%A4%A',
  '*',
  '//',
  `/${'a'.repeat(5000)}`,
  'http://x/',
  '/?__proto__=1',
];
const ACCEPTS = [
  'text/event-stream',
  '*/*',
  'text/html',
  ';;;,,,',
  'a/b;q=0',
  '\u00e9',
  'x'.repeat(3000),
];
const AT_ONCE = 50;

/** What may be answered beside 2xx and 4xx: a version of HTTP that node:http refuses. */
const DOCUMENTED = ['505'];

function request(random: Random): string {
  const head = `${random.one(METHODS)} ${random.one(TARGETS)} ${random.one(VERSIONS)}\r\n`;
  const headers = [
    random.below(9) > 0 ? 'Host: x\r\n' : '',
    random.below(2) > 0 ? `Last-Event-ID: ${random.one(IDS)}\r\n` : '',
    random.below(2) > 0 ? `Accept: ${random.one(ACCEPTS)}\r\n` : '',
    random.below(6) === 0 ? 'Content-Length: 5\r\n' : '',
    random.below(9) === 0 ? 'Transfer-Encoding: chunked\r\n' : '',
    random.below(9) === 0 ? 'Expect: 100-continue\r\n' : '',
    random.below(9) === 0 ? 'Upgrade: websocket\r\nConnection: Upgrade\r\n' : '',
  ];
  return `${head}${headers.join('')}\r\n`;
}

/** Sends the bytes and the end of them, and gives what was answered once the server has closed the connection. */
function send(port: number, bytes: string, resets: boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(text));
    socket.write(Buffer.from(bytes, 'latin1'), () => {
      if (resets) socket.resetAndDestroy();
      else socket.end();
    });
  });
}

/** Sends raw requests that no client would send. */
export async function attackWithRequests(count: number): Promise<string> {
  const random = new Random(2);
  const hub = createHub({ keepAlive: 1000 });
  const url = await serve((req, res) => void hub.open(req, res));
  const port = Number(new URL(url).port);
  const statuses = new Map<string, number>();
  const good = 'GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: a.1\r\n\r\n';
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    const some = Array.from({ length: AT_ONCE }, (_, at) => {
      const kind = random.below(4);
      if (kind === 0) return good.slice(0, 1 + ((sent + at) % good.length));
      if (kind === 1)
        return Array.from({ length: 1 + random.below(20) }, () => request(random)).join('');
      return request(random);
    });
    const answers = await Promise.all(
      some.map((bytes) => send(port, bytes, random.below(5) === 0)),
    );
    for (const [, status = ''] of answers.join('\n').matchAll(/^HTTP\/1\.1 (\d+)/gm)) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= '500' && !DOCUMENTED.includes(status)) throw new Error(`answered ${status}`);
    }
  }
  if ((await fetchHead(url)).statusCode !== 200) throw new Error('a good request is not answered');
  while (hub.size > 1 || hub.stats().opening > 0) await new Promise(setImmediate);
  const seen = [...statuses].sort().map(([status, times]) => `${times} × ${status}`);
  return `${count} connections, all over; ${seen.join(', ')}; nobody left registered`;
}
