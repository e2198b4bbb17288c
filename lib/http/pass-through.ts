import type { ServerResponse } from 'node:http';

/** The middleware that most apps have in front. It wraps `write` also where it compresses nothing. */
const COMPRESSION = /[\\/]node_modules[\\/]compression[\\/]index\.js$/;
const NODE = /^node:/;

/** Node's own `write`, once a response has shown it. */
let nodesWrite: ServerResponse['write'] | undefined;

/** Whether nothing wraps `write`, as far as is known yet. */
export function isBare(res: ServerResponse): boolean {
  return res.write === nodesWrite;
}

/** What a response's `write` returned, and whether it passes everything through. */
export interface Passage {
  readonly open: unknown;
  readonly passes: boolean;
}

/**
 * Writes to a response, and says whether the bytes reached Node's own `write` as they are, and no code in between could look
 * at them or change them. The head must be sent: before, `compression` has not decided yet.
 *
 * Node reads `finished` of a response that is written to. The call stack of that moment has the files that the call
 * ran through, and so nothing is called but what the write calls anyway.
 */
export function writeThrough(res: ServerResponse, bytes: Buffer): Passage {
  const descriptor = Object.getOwnPropertyDescriptor(res, 'finished');
  if (descriptor?.configurable !== true || !('value' in descriptor)) {
    return { open: res.write(bytes), passes: false };
  }
  let files: readonly string[] | undefined;
  let { value } = descriptor;
  Object.defineProperty(res, 'finished', {
    ...{ configurable: true, enumerable: true },
    get() {
      files ??= callers().filter((file) => !NODE.test(file));
      return value;
    },
    set(finished) {
      value = finished;
    },
  });
  let open: unknown;
  try {
    open = res.write(bytes);
  } finally {
    Object.defineProperty(res, 'finished', { ...descriptor, value });
  }
  if (files === undefined || res.hasHeader('Content-Encoding')) return { open, passes: false };
  if (files.length === 0) nodesWrite = res.write;
  return { open, passes: files.every((file) => COMPRESSION.test(file)) };
}

/** The files of the functions that called this one's caller, up to the next one of its own file. */
function callers(): string[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const trace: { stack?: NodeJS.CallSite[] } = {};
  try {
    Error.stackTraceLimit = 20;
    Error.prepareStackTrace = (_error, sites) => sites;
    Error.captureStackTrace(trace, callers);
    const [own, ...files] = (trace.stack ?? []).map((site) => site.getFileName() ?? '');
    return files.slice(0, files.indexOf(own as string));
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
}
