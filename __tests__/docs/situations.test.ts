import { readTable } from '../support/markdown.js';
import { read } from '../support/pages.js';

const ANY_CHANGE =
  'twelve that are opened at once, over HTTP/1.1, %s, use one connection, and lose and double nothing, whatever becomes of the tab that has it';

/** For each row of the tables of situations: the suite, and a test of it. */
const TESTS: Readonly<Record<string, readonly [suite: string, test: string]>> = {
  'The connection is lost, or ends': [
    'connect',
    'loses and doubles nothing, however often it is cut',
  ],
  'An unreachable server': [
    'retry',
    'a crowd of 1000 whose server is back after 10 s does not come all at once',
  ],
  '500 and above, 429, 408, 425': ['connect', 'tries again after %d'],
  '401, 403': ['connect', 'asks for its headers once more after 401, and ends with the second one'],
  '204': ['connect', 'ends with 204, and not as an error'],
  'Another status': ['connect', 'ends with %d'],
  'A redirect to a page to log in, or another content type': [
    'connect',
    'says so when it is led to a page to log in, or gets something else',
  ],
  'Nothing comes for two heartbeats': [
    'connect',
    'that is dead is noticed by its heartbeats, and opened anew',
  ],
  'A laptop slept, or a page was frozen': [
    'tabs',
    'one that was $name for three heartbeats has lost nothing, and has connected once more at most',
  ],
  'A proxy drops all packets': [
    'connect',
    'whose proxy drops all packets from now on connects once more, and has missed nothing',
  ],
  'The device is offline': [
    'connect',
    'waits for the network where the device is offline, and comes as soon as it is online',
  ],
  'The history is too short': [
    'connect',
    'says in order what becomes of it, and what it has missed',
  ],
  'A listener or `parse` throws': [
    'connect',
    'whose listener throws goes on, for the others as well',
  ],
  'A loop is slow': ['connect', 'is read no faster than its loops are, and nothing is lost'],
  'Another method than GET': ['connect', 'of a POST with a Content-Location goes on there'],
  'It is closed, left for another page, put into the back/forward cache, or frozen by the browser':
    ['tabs', ANY_CHANGE],
  'It crashes': ['tabs', ANY_CHANGE],
  'It stands still, and nobody says so': ['tabs', ANY_CHANGE],
  'Its loop is slow': ['share', 'go on while one of them is slow, which has everything in the end'],
  'The server ends its stream, or refuses its user': ['share', 'end together where the server %s'],
  'Another user, URL, `credentials` or profile': [
    'tabs',
    'are apart where the URL, the name of the user or the profile is another one',
  ],
  'Another version of the client': [
    'share',
    'are apart for another version of the client, and for what else comes on the channel',
  ],
  'A browser without `BroadcastChannel`': [
    'share',
    'have a connection each where there is no BroadcastChannel, and say so',
  ],
  'A stream without ids': ['share', 'have a connection each where the stream has no ids'],
};

const page = read('docs/client.md');
const rows = ['Situation', 'The tab that is connected'].flatMap((head) =>
  readTable(page, head).map(([situation]) => situation as string),
);

test('each situation that the page for the client names has a test', () => {
  expect([...rows].sort()).toEqual(Object.keys(TESTS).sort());
  const missing = Object.values(TESTS).filter(
    ([suite, test]) => !read(`__tests__/browser/${suite}.test.ts`).includes(`'${test}'`),
  );
  expect(missing).toEqual([]);
});
