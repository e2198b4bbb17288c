import { OutgoingMessage, type ServerResponse } from 'node:http';

type Write = (chunk: Uint8Array) => boolean;

/** As it was when this module was loaded: instrumentation may replace it. */
const nodesWrite: Write = OutgoingMessage.prototype.write;

/** The middleware that most apps have in front. It wraps `write` also where it compresses nothing. */
const COMPRESSION = /[\\/]node_modules[\\/]compression[\\/]index\.js$/;
const NODE = /^node:/;
const NOTHING = Buffer.alloc(0);

/**
 * Whether the bytes of a response's `write` reach Node's own `write` as they are, and no code in between
 * looks at them or changes them. The head must be sent: before, `compression` has not decided yet.
 */
export function passesThrough(res: ServerResponse): boolean {
  if (res.write === nodesWrite && isNodes) return true;
  if (res.hasHeader('Content-Encoding')) return false;
  const files = filesBehind(res.write);
  return files !== undefined && files.length > 0 && files.every((file) => COMPRESSION.test(file));
}

const isNodes = filesBehind(nodesWrite)?.length === 0;

/**
 * The source files that a call of `write` runs through before Node's own `write`; undefined where it
 * never gets there. `write` is called on a stand-in for a response, which records the call stack when
 * Node reads it. To Node, the stand-in is a response without a body, so that nothing is written.
 */
function filesBehind(write: Write): string[] | undefined {
  let files: string[] | undefined;
  const standIn = {
    _header: ' ',
    _hasBody: false,
    destroyed: false,
    get finished() {
      files ??= callers().filter((file) => !NODE.test(file));
      return false;
    },
  };
  try {
    write.call(standIn, NOTHING);
  } catch {
    return undefined;
  }
  return files;
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
