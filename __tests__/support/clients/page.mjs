import { openStreams } from './open-streams.mjs';

const news = [];
let isPosting = false;

const obey = openStreams(async (item) => {
  news.push(item);
  if (isPosting) return;
  isPosting = true;
  while (news.length > 0) {
    await fetch('/news', { method: 'POST', body: JSON.stringify(news.splice(0)) });
  }
  isPosting = false;
});

for (;;) {
  const commands = await (await fetch('/commands')).json();
  for (const command of commands) await obey(command);
}
