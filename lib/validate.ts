import { quote } from './errors.js';

/** What setTimeout takes at most; it fires at once for more. */
export const MAX_DELAY = 2 ** 31 - 1;

const BREAKS_A_FIELD = /[\r\n\0]/;

/** A function for each option, that checks its value and fills in the default. */
export type Readers<Options> = {
  readonly [Name in keyof Options]-?: (value: unknown) => unknown;
};

/** What the readers of options give. */
export type Settings<Of extends Readers<object>> = {
  readonly [Name in keyof Of]: Of[Name] extends (value: unknown) => infer Setting ? Setting : never;
};

/**
 * Reads all options that there are readers for. Throws a TypeError for an option that there is none
 * for, and what the readers throw.
 */
export function readOptions<Of extends Readers<object>>(
  name: string,
  options: unknown,
  readers: Of,
): Settings<Of> {
  const given: Record<string, unknown> = record(name, options, Object.keys(readers));
  const table = readers as Readers<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(table).map(([option, read]) => [option, read(given[option])]),
  ) as Settings<Of>;
}

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
    if ((known as readonly string[]).includes(key)) continue;
    const near = nearest(key, known);
    const hint = near === undefined ? '' : `; did you mean ${quote(near)}?`;
    throw new TypeError(
      `${name}: there is no option ${quote(key)}, only ${known.join(', ')}${hint}`,
    );
  }
  return value;
}

/** The name that is so close to a misspelt one that it was meant; undefined where none is. */
function nearest(misspelt: string, names: readonly string[]): string | undefined {
  // One slip in three letters is a typing error, more is another word.
  const limit = Math.max(1, Math.floor(misspelt.length / 3));
  const [best] = names
    .map((name) => ({ name, slips: distance(misspelt.toLowerCase(), name.toLowerCase()) }))
    .filter(({ slips }) => slips <= limit)
    .sort((one, other) => one.slips - other.slips);
  return best?.name;
}

/** How many letters have to be added, left out or replaced: https://en.wikipedia.org/wiki/Levenshtein_distance */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] as number) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] as number) + 1, (next[column] as number) + 1));
    }
    row = next;
  }
  return row.at(-1) as number;
}

export function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${name} ${quote(value)}: must be a boolean`);
}

/** The first of the choices is the default. */
export function oneOf<const Choice extends string>(
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

export function eventType<Fallback>(
  name: string,
  value: unknown,
  fallback: Fallback,
): string | false | Fallback {
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

export function span(name: string, value: unknown, fallback = Number.POSITIVE_INFINITY): number {
  if (value === Number.POSITIVE_INFINITY) return value;
  return delay(name, value, fallback, ', or Infinity');
}

export function functionOr<Value>(name: string, value: unknown, fallback: Value): Value {
  if (value === undefined) return fallback;
  if (typeof value === 'function') return value as Value;
  throw new TypeError(`${name} ${quote(value)}: must be a function`);
}
