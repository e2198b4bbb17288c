import { randomUUID } from 'node:crypto';

const fields = [
  { key: 'name', called: 'name', limit: 40 },
  { key: 'text', called: 'message', limit: 500 },
];

/** Who types on which page: `{ name, page }`, or `{ error }` in words for the reader. */
export function checkTyping(body) {
  const { name, page } = body ?? {};
  if (typeof name !== 'string' || name.trim() === '' || name.length > 40) {
    return { error: 'The name is missing, or longer than 40 characters.' };
  }
  if (typeof page !== 'string' || page === '' || page.length > 40) {
    return { error: 'The page is missing, or longer than 40 characters.' };
  }
  return { name: name.trim(), page };
}

/** Makes a board's message of what a page sent: `{ message }`, or `{ error }` in words for the reader. */
export function checkMessage(board, body) {
  const message = {};
  for (const { key, called, limit } of fields) {
    const value = body?.[key];
    const text = typeof value === 'string' ? value.trim() : '';
    if (text === '') return { error: `The ${called} is missing.` };
    if (text.length > limit) return { error: `The ${called} is longer than ${limit} characters.` };
    message[key] = text;
  }
  // Not a counter: that would start anew with the server, and a page would take new for known.
  return { message: { id: randomUUID(), board, at: Date.now(), ...message } };
}
