/**
 * Receives one line for each thing that happens: `console`, pino and winston fit. A logger that
 * throws, or rejects, harms nothing.
 */
export interface Logger {
  info(message: string): unknown;
  warn(message: string): unknown;
}

/** The same logger, or none, with its own failures swallowed: they must not end the streams. */
export function safeLogger(logger: Logger | undefined): Logger {
  const say = (level: 'info' | 'warn') => (message: string) => {
    try {
      const said = logger?.[level](message);
      if (said instanceof Promise) said.catch(() => {});
    } catch {
      // See above.
    }
  };
  return { info: say('info'), warn: say('warn') };
}
