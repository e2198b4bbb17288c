import { timeOfDay } from './words.mjs';

const capacity = 50;

/** For how long somebody who types counts as typing, and how often a page says that its reader does, in ms. */
const typingLasts = 3000;
const typingInterval = 2000;

/**
 * A message board in `element`, which the reader can switch off and on. `author` is where the reader's
 * name stands, and `page` tells this page from others. `onMessage` hears each message once, and `onSwitch` that `isOn` has
 * changed.
 */
export function createBoard(element, { author, page, onMessage, onSwitch }) {
  const { board: id } = element.dataset;
  const url = `boards/${id}`;
  const toggle = element.querySelector('[role="switch"]');
  const form = element.querySelector('form');
  const list = element.querySelector('.messages');
  const error = element.querySelector('.error');
  const spoken = element.querySelector('[aria-live]');
  const typing = element.querySelector('.typing');
  const { text } = form.elements;
  const known = new Set();
  let isOn = true;

  /** Until when each of those who type counts as typing. */
  const typists = new Map();
  let saidAt = -Infinity;

  /** Adds a message, unless it is on the board already. */
  function add(message, { announce = false } = {}) {
    if (known.has(message.id)) return;
    known.add(message.id);

    const item = render(message);
    item.classList.toggle('fresh', announce);
    const older = [...list.children].find((other) => Number(other.dataset.at) <= message.at);
    list.insertBefore(item, older ?? null);
    if (list.children.length > capacity) list.lastElementChild.remove();

    typists.delete(message.name);
    showTypists();
    if (announce) spoken.textContent = `${message.name}: ${message.text}`;
    onMessage(message);
  }

  function send(path, body) {
    return fetch(`${url}/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: author.value, ...body }),
    }).catch(() => undefined);
  }

  function showTypists() {
    const names = [...typists].filter(([, until]) => until > Date.now()).map(([name]) => name);
    const verb = names.length === 1 ? 'is' : 'are';
    typing.textContent = names.length > 0 ? `${names.join(', ')} ${verb} typing …` : '';
  }

  async function post() {
    const answer = await send('messages', { text: text.value });
    if (!answer) return 'The server can’t be reached. Your message is still here: try again soon.';

    const result = await answer
      .json()
      .catch(() => ({ error: `The server said ${answer.status}.` }));
    if (!answer.ok) return result.error;
    add(result, { announce: true });
    text.value = '';
    return '';
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (form.ariaBusy === 'true') return;
    form.ariaBusy = 'true';
    error.textContent = await post();
    form.ariaBusy = 'false';
    if (error.textContent) (author.value.trim() ? text : author).focus();
  });

  text.addEventListener('input', () => {
    if (!author.value.trim() || text.value === '' || performance.now() < saidAt + typingInterval)
      return;
    saidAt = performance.now();
    send('typing', { page });
  });

  text.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });

  toggle.addEventListener('click', () => {
    isOn = !isOn;
    toggle.ariaChecked = isOn;
    element.dataset.state = isOn ? 'on' : 'off';
    onSwitch();
  });

  return {
    id,
    add,
    get isOn() {
      return isOn;
    },
    /** Everything that there was is on the board. */
    fill() {
      list.ariaBusy = 'false';
    },
    /** Somebody types on another page. */
    type(name) {
      typists.set(name, Date.now() + typingLasts);
      showTypists();
      setTimeout(showTypists, typingLasts + 50);
    },
  };
}

function render({ id, at, name, text }) {
  const item = document.createElement('li');
  item.dataset.id = id;
  item.dataset.at = at;
  const time = textElement('time', timeOfDay(at));
  time.dateTime = new Date(at).toISOString();
  time.title = new Date(at).toLocaleString();
  item.append(textElement('strong', name), time, textElement('p', text));
  return item;
}

/** Only ever text: what people write must not become HTML. */
function textElement(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
