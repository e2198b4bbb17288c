// What every event carries: a marker, its number, the time it was sent, and letters up to the size.
import { micros } from './clock.mjs';

/** In no head, id, field name or chunk size of any target. */
export const MARKER = '|';
export const SEQUENCE_DIGITS = 8;
export const TIME_DIGITS = 15;
export const HEADER_SIZE = MARKER.length + SEQUENCE_DIGITS + TIME_DIGITS;

let padding = '';

/** The data of the event with this number, sent now. */
export function message(sequence, size) {
  if (padding.length !== size - HEADER_SIZE) padding = 'x'.repeat(size - HEADER_SIZE);
  const number = String(sequence).padStart(SEQUENCE_DIGITS, '0');
  return MARKER + number + String(micros()).padStart(TIME_DIGITS, '0') + padding;
}
