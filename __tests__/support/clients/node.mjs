import { openStreams } from './open-streams.mjs';

process.on('disconnect', () => process.exit());
process.on(
  'message',
  openStreams((news) => process.send(news)),
);
process.send({ isReady: true });
