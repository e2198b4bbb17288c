// What a figure is held to: { id, text, limit, value, verdict }.
import { number } from './table.mjs';

/** `value` is no finite number where it wasn't run. */
export function atMost(id, text, limit, value, unit = '×') {
  return aim(id, text, `at most ${number(limit)} ${unit}`, value, unit, value <= limit);
}

export function atLeast(id, text, limit, value, unit = '×') {
  return aim(id, text, `at least ${number(limit)} ${unit}`, value, unit, value >= limit);
}

function aim(id, text, limit, value, unit, met) {
  const known = Number.isFinite(value);
  return {
    id,
    text,
    limit,
    value: known ? `${number(value, value < 1000 ? 2 : 0)} ${unit}` : '',
    verdict: known ? (met ? 'met' : '**not met**') : 'not run',
  };
}

export const AIMS_HEAD = ['', 'aim', 'here', ''];

/** Aims as rows of a table. */
export function aimRows(aims) {
  return aims.map(({ id, text, limit, value, verdict }) => [
    `(${id}) ${text}`,
    limit,
    value,
    verdict,
  ]);
}
