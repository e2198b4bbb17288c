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
}

/** Reports to a logger, or to none, and swallows its failures: they must not end the streams. */
export function createReporter(logger: Logger | undefined): Reporter {
  const warned = new Set<string>();
  let depth = 0;
  const say = (level: 'info' | 'warn') => (message: string) => {
    depth++;
    try {
      const said = logger?.[level](message);
      if (said instanceof Promise) said.catch(() => {});
    } catch {
      // See above.
    } finally {
      depth--;
    }
  };
  const warn = say('warn');
  return {
    info: say('info'),
    warn,
    hasLogger: logger !== undefined,
    get isReporting() {
      return depth > 0;
    },
    unheard(kind, message) {
      if (logger !== undefined) return warn(message);
      if (warned.has(kind)) return;
      warned.add(kind);
      process.emitWarning(message, 'SseWarning');
    },
  };
}
