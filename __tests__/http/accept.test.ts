import { acceptsEventStream } from '../../lib/http/accept.js';

describe('an Accept header lets an event stream through', () => {
  test.each([
    ['that is missing', undefined],
    ['that is empty', ''],
    ['of spaces', '  '],
    ['for everything', '*/*'],
    ['for all text', 'text/*'],
    ['for event streams', 'text/event-stream'],
    ['in capital letters', 'TEXT/Event-Stream'],
    ['with parameters', 'text/event-stream;charset=utf-8'],
    ['that lists it among others', 'text/html, application/json;q=0.9, text/event-stream;q=0.1'],
    ['that wants it just so', 'text/event-stream;q=0.001'],
    ['of a browser that opens a page', 'text/html,application/xml;q=0.9,image/webp,*/*;q=0.8'],
    ['that excludes all else', 'text/event-stream, */*;q=0'],
    ['that excludes other text', 'text/*;q=0, text/event-stream'],
    ['that takes text and nothing else', '*/*;q=0, text/*'],
    ['with a quality that is no number', 'text/event-stream;q=nothing'],
    ['that names no media range', 'garbage'],
    ['of separators', ',;,;q=0,'],
    ['with ranges that are none', '/, text/, /event-stream, a/b/c, q=0'],
  ])('%s', (_title, accept) => {
    expect(acceptsEventStream(accept)).toBe(true);
  });
});

describe('an Accept header keeps an event stream out', () => {
  test.each([
    ['for another type', 'application/json'],
    ['for another kind of text', 'text/html'],
    ['for several others', 'application/json, image/*, text/plain'],
    ['that excludes it', 'text/event-stream;q=0'],
    ['that excludes it with digits and spaces', 'text/event-stream ; Q = 0.000'],
    ['that takes everything but it', '*/*, text/event-stream;q=0'],
    ['that takes all text but it', 'text/event-stream;q=0, text/*;q=1'],
    ['that takes everything but text', '*/*, text/*;q=0'],
    ['that takes nothing', '*/*;q=0.0'],
    ['for another type, with garbage beside it', 'garbage, application/json'],
  ])('%s', (_title, accept) => {
    expect(acceptsEventStream(accept)).toBe(false);
  });
});
