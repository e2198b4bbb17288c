import { useChat } from '@ai-sdk/react';
import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';

// All tabs with this address show the same chat.
const url = new URL(location.href);
if (!url.searchParams.has('id')) {
  url.searchParams.set('id', crypto.randomUUID());
  history.replaceState(undefined, '', url);
}
const id = url.searchParams.get('id');
const earlier = await (await fetch(`/api/chat/${id}`)).json();

function Chat() {
  const { messages, sendMessage, status, error, stop } = useChat({
    id,
    messages: earlier,
    resume: true,
  });
  const [question, setQuestion] = useState('');

  function ask(event) {
    event.preventDefault();
    sendMessage({ text: question });
    setQuestion('');
  }

  async function stopAnswer() {
    await fetch(`/api/chat/${id}/stop`, { method: 'POST' });
    stop();
  }

  return (
    <>
      <h1>A chat that survives reloads</h1>
      <ol>
        {messages.map((message) => (
          <li key={message.id} className={message.role}>
            {message.parts.map((part) => (part.type === 'text' ? part.text : ''))}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={ask}>
        <input
          name="question"
          aria-label="Question"
          placeholder="Ask anything"
          value={question}
          onChange={(event) => setQuestion(event.target.value)}
        />
        <button type="submit" disabled={status !== 'ready'}>
          Ask
        </button>
        <button type="button" disabled={status === 'ready'} onClick={stopAnswer}>
          Stop
        </button>
        <output>{status}</output>
      </form>
    </>
  );
}

createRoot(document.getElementById('chat')).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
);
