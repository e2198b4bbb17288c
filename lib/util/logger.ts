import { disregard } from './disregard.js';

/**
 * Receives one line for each thing that happens: `console`, pino and winston fit. A logger that
 * throws, or rejects, harms nothing.
 */
export interface Logger {
  info(message: string): unknown;
  warn(message: string): unknown;
}

/** What the parts of a hub say to its user. */
export interface Reporter extends Logger {
  readonly hasLogger: boolean;
  /** Whether the logger is being called right now. */
  readonly isReporting: boolean;
  /**
   * An error that the user's code neither awaits nor catches. Without a logger, the process emits a warning, once
   * for each kind.
   */
  unheard(kind: string, message: string): void;
  /** What need be said but once for each kind: to the logger, or else as a warning of the process. */
  once(kind: string, message: string): void;
}

/** Reports to a logger, or to none, and swallows its failures: they must not end the streams. */
export function createReporter(logger: Logger | undefined): Reporter {
  const said = new Set<string>();
  let depth = 0;
  const say = (level: 'info' | 'warn') => (message: string) => {
    depth++;
    try {
      disregard(logger?.[level](message));
    } catch {
      // See above.
    } finally {
      depth--;
    }
  };
  const warn = say('warn');
  const once = (kind: string, message: string) => {
    if (said.has(kind)) return;
    said.add(kind);
    if (logger === undefined) process.emitWarning(message, 'SseWarning');
    else warn(message);
  };
  return {
    info: say('info'),
    warn,
    hasLogger: logger !== undefined,
    get isReporting() {
      return depth > 0;
    },
    unheard: logger === undefined ? once : (_kind, message) => warn(message),
    once,
  };
}
