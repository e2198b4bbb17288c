import { torture } from '../support/torture.js';

test('200 clients for a minute, 50 events and 20 cut connections a second: nothing is lost', async () => {
  const pace = { eventsPerSecond: 50, resetsPerSecond: 20 };
  const settings = { clients: 200, events: 3000, resets: 1200, ...pace };
  const { faults, ...figures } = await torture(settings);
  process.stdout.write(`${JSON.stringify({ ...settings, ...figures, faults: faults.length })}\n`);
  expect(figures.reconnects).toBeGreaterThan(0);
  expect(faults).toEqual([]);
});
