import { OutgoingMessage, type ServerResponse } from 'node:http';

type Write = (chunk: Uint8Array) => boolean;

/** As it was when this was loaded: instrumentation may put its own in its place. */
const nodesWrite: Write = OutgoingMessage.prototype.write;

/** The middleware that most apps have in front; it wraps `write` also where it compresses nothing. */
const COMPRESSION = /[\\/]node_modules[\\/]compression[\\/]index\.js$/;
const NODE = /^node:/;
const NOTHING = Buffer.alloc(0);

/**
 * Whether what is given to a response's `write` reaches Node's own as it is, with nobody in between
 * who looks at it or changes it. The head must be sent: before, `compression` has not decided yet.
 */
export function passesThrough(res: ServerResponse): boolean {
  if (res.write === nodesWrite && isNodes) return true;
  if (res.hasHeader('Content-Encoding')) return false;
  const files = filesBehind(res.write);
  return files !== undefined && files.length > 0 && files.every((file) => COMPRESSION.test(file));
}

const isNodes = filesBehind(nodesWrite)?.length === 0;

/**
 * The source files that a call of `write` runs through before Node's own `write` gets it; undefined
 * where it never does. For `write` is called on a response that isn't one, and which looks who calls
 * when Node reads it; to Node, it is one that must not have a body, so that nothing is written.
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

/** The files of the functions that called this one's caller, up to where they reach its file again. */
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
