import { quote } from './errors.js';

/** What setTimeout takes at most; it fires at once for more. */
export const MAX_DELAY = 2 ** 31 - 1;

const BREAKS_A_FIELD = /[\r\n\0]/;

/** The value as an object, no list or map, that has no properties but these. */
export function record<Name extends string>(
  name: string,
  value: unknown,
  known: readonly Name[],
  alternative = '',
): Partial<Record<Name, unknown>> {
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) {
    throw new TypeError(`${name} ${quote(value)}: must be an object${alternative}`);
  }
  for (const key of Object.keys(value)) {
    if (!(known as readonly string[]).includes(key)) {
      throw new TypeError(`${name}: there is no option ${quote(key)}, only ${known.join(', ')}`);
    }
  }
  return value;
}

/** The first of the choices is the default. */
export function oneOf<Choice extends string>(
  name: string,
  value: unknown,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  if (value === undefined) return choices[0];
  const choice = choices.find((one) => one === value);
  if (choice !== undefined) return choice;
  throw new TypeError(`${name} ${quote(value)}: must be ${choices.map(quote).join(' or ')}`);
}

/** Whether an event may have this type: one with a line break would forge fields. */
export function isEventType(type: unknown): type is string {
  return typeof type === 'string' && type !== '' && !BREAKS_A_FIELD.test(type);
}

export function eventType(name: string, value: unknown, fallback: string | false): string | false {
  if (value === undefined) return fallback;
  if (value === false || isEventType(value)) return value;
  throw new TypeError(
    `${name} ${quote(value)}: must be a non-empty string without CR, LF and NUL, or false`,
  );
}

export function integer(
  name: string,
  value: unknown,
  fallback: number,
  least: number,
  { most = Number.MAX_SAFE_INTEGER, alternative = '' } = {},
): number {
  if (value === undefined) return fallback;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  const right = `must be an integer ${range}${alternative}`;
  if (typeof value !== 'number') throw new TypeError(`${name} ${quote(value)}: ${right}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} ${quote(value)}: ${right}`);
}

export function bound(name: string, value: unknown, fallback: number): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  return integer(name, value, fallback, 1, { alternative: ', or Infinity' });
}

export function delay(name: string, value: unknown, fallback: number, alternative = ''): number {
  if (value === undefined) return fallback;
  const right = `must be a number above 0 and at most ${MAX_DELAY}, in milliseconds${alternative}`;
  if (typeof value !== 'number') throw new TypeError(`${name} ${quote(value)}: ${right}`);
  if (value > 0 && value <= MAX_DELAY) return value;
  throw new RangeError(`${name} ${quote(value)}: ${right}`);
}

export function span(name: string, value: unknown): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  return delay(name, value, Number.POSITIVE_INFINITY, ', or Infinity');
}
