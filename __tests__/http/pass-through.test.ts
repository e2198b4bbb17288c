import { OutgoingMessage, type ServerResponse } from 'node:http';
import compression from 'compression';
import express, { type RequestHandler, type Response } from 'express';
import { writeThrough } from '../../lib/http/pass-through.js';
import { sse } from '../../lib/index.js';
import { serve } from '../support/server.js';
import { fetchHead, StreamReader } from '../support/stream-client.js';

const compressed = compression({ threshold: 0 });

/** Puts a `write` of its own in front, as one that counts or records what is written would. */
function watching(seen: string[]): RequestHandler {
  return (_req, res, next) => {
    const write = res.write.bind(res) as (...args: unknown[]) => boolean;
    res.write = (...args: unknown[]) => {
      seen.push(String(args[0]));
      return write(...args);
    };
    next();
  };
}

function passes(res: Response): boolean {
  try {
    return writeThrough(res, Buffer.from('something')).passes;
  } catch {
    return false;
  }
}

/** What is said of a response that these have in front, once its head is sent. */
async function passesThroughBehind(
  handlers: RequestHandler[],
  cacheControl = 'no-transform',
): Promise<boolean> {
  const told = new Promise<boolean>((resolve, reject) => {
    const app = express();
    app.get('/', ...handlers, (_req, res) => {
      res.setHeader('Content-Type', 'text/event-stream');
      res.setHeader('Cache-Control', cacheControl);
      res.flushHeaders();
      resolve(passes(res));
      res.end();
    });
    const get = async () => {
      const url = await serve(app);
      await fetchHead(url, { headers: { 'accept-encoding': 'gzip' } });
    };
    get().catch(reject);
  });
  return told;
}

describe('a response passes through what is written', () => {
  test('with nothing in front', async () => {
    expect(await passesThroughBehind([])).toBe(true);
  });

  test('with compression in front that does not compress it', async () => {
    expect(await passesThroughBehind([compressed])).toBe(true);
  });

  test('with compression in front twice', async () => {
    expect(await passesThroughBehind([compressed, compression()])).toBe(true);
  });
});

describe('a response does not pass through what is written', () => {
  test('with compression in front that compresses it', async () => {
    expect(await passesThroughBehind([compressed], 'no-cache')).toBe(false);
  });

  test('with a middleware in front that looks at it', async () => {
    expect(await passesThroughBehind([watching([])])).toBe(false);
  });

  test('with one that looks at it behind compression', async () => {
    expect(await passesThroughBehind([compressed, watching([])])).toBe(false);
  });

  test('with one that looks at it in front of compression', async () => {
    expect(await passesThroughBehind([watching([]), compressed])).toBe(false);
  });

  test('with a write in front that never reaches the response, or throws', async () => {
    for (const write of [
      () => true,
      () => {
        throw new Error('not now');
      },
    ]) {
      const replacing: RequestHandler = (_req, res, next) => {
        res.write = write as typeof res.write;
        next();
      };
      expect(await passesThroughBehind([replacing])).toBe(false);
    }
  });

  test('after instrumentation has put a write of its own into node:http', async () => {
    const write = OutgoingMessage.prototype.write as (...args: unknown[]) => boolean;
    OutgoingMessage.prototype.write = function instrumented(...args: unknown[]) {
      return write.apply(this, args);
    };
    try {
      expect(await passesThroughBehind([])).toBe(false);
      expect(await passesThroughBehind([compressed])).toBe(false);
    } finally {
      OutgoingMessage.prototype.write = write as ServerResponse['write'];
    }
  });
});

test.each([
  ['before compression', (watch: RequestHandler) => [watch, compressed]],
  ['after compression', (watch: RequestHandler) => [compressed, watch]],
])('a middleware mounted %s sees every event that is written', async (_where, handlers) => {
  const seen: string[] = [];
  const stream = sse();
  const app = express().get('/', ...handlers(watching(seen)), stream);
  const reader = await StreamReader.open(await serve(app));

  for (const data of ['one', 'two', 'three']) await stream.hub.send(data);

  await reader.received(3);
  expect(seen.join('').match(/(?<=data: )(one|two|three)(?=\nid: )/g)).toEqual([
    'one',
    'two',
    'three',
  ]);
});

test('a wrapper of `write` is called with what is sent, and as a method of its response, alone', async () => {
  const calls: { readonly isOwn: boolean; readonly length: number }[] = [];
  const stream = sse();
  const app = express().get(
    '/',
    (_req, res, next) => {
      const { write } = res;
      res.write = function wrapped(this: unknown, ...args: unknown[]) {
        calls.push({ isOwn: this === res, length: (args[0] as Buffer).length });
        return (write as (...args: unknown[]) => boolean).apply(res, args);
      };
      next();
    },
    stream,
  );
  const reader = await StreamReader.open(await serve(app));
  await stream.hub.send('one');
  await reader.received(1);
  expect(calls).toHaveLength(2);
  expect(calls.every(({ isOwn, length }) => isOwn && length > 0)).toBe(true);
});

test('errors have the traces they had before a response was looked at', async () => {
  const prepare = () => 'as prepared';
  const { prepareStackTrace, stackTraceLimit } = Error;
  Object.assign(Error, { prepareStackTrace: prepare, stackTraceLimit: 3 });
  try {
    await passesThroughBehind([compressed]);
    expect(Error.prepareStackTrace).toBe(prepare);
    expect(Error.stackTraceLimit).toBe(3);
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
});
