import { torture } from '../support/torture.js';

test('200 clients for a minute, 50 events and 20 cut connections a second: nothing is lost', async () => {
  const settings = { clients: 200, seconds: 60, eventsPerSecond: 50, resetsPerSecond: 20 };
  const { faults, ...figures } = await torture(settings);
  process.stdout.write(`${JSON.stringify({ ...settings, ...figures, faults: faults.length })}\n`);
  expect(figures.sent).toBeGreaterThan(1000);
  expect(figures.resets).toBeGreaterThan(500);
  expect(figures.reconnects).toBeGreaterThan(500);
  expect(faults).toEqual([]);
});
