// A chat whose answers survive reloads, a second tab and, with REDIS_URL, the end of the process that shows them.
import { convertToModelMessages, streamText } from 'ai';
import express from 'express';
import { shutDown } from 'express-sse-hub';
import { createAnswers } from 'express-sse-hub/answers';
import { model } from './model.mjs';
import { page } from './page.mjs';
import { chats, log } from './storage.mjs';

const { PORT = '3000', HOST = '127.0.0.1' } = process.env;

const ENDS = { done: '[DONE]', stopped: { type: 'abort' } };

// The frames of the AI SDK's protocol, and no others: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
const answers = createAnswers({
  log,
  headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
  readyEvent: false,
  heartbeatEvent: false,
  endEvent: ({ status, reason }) => ({
    data: ENDS[status] ?? { type: 'error', errorText: reason },
  }),
});

const app = express();
app.use(page);

app.get('/api/chat/:id', async (req, res) => res.json(await chats.read(req.params.id)));

app.post('/api/chat', express.json(), async (req, res) => {
  const { id, messages } = req.body;
  const answer = await answers.start(id);
  await chats.write(id, messages);
  const result = streamText({
    model,
    messages: await convertToModelMessages(messages),
    abortSignal: answer.signal,
  });
  const onFinish = ({ messages: all }) => chats.write(id, all);
  answer.sendFrom(result.toUIMessageStream({ originalMessages: messages, onFinish }));
  await answers.open(req, res, id);
});

app.get('/api/chat/:id/stream', async (req, res) => {
  if ((await answers.status(req.params.id)) !== 'running') res.sendStatus(204);
  else await answers.open(req, res, req.params.id);
});

app.post('/api/chat/:id/stop', async (req, res) => {
  await answers.stop(req.params.id);
  res.sendStatus(204);
});

const server = app.listen(PORT, HOST, () => {
  console.log(
    `Open http://localhost:${server.address().port}/ in two tabs, and reload them while an answer comes.`,
  );
});
shutDown(server, answers).then(() => process.exit());
