import { createSupply } from './supply.mjs';
import { timeOfDay } from './words.mjs';

const capacity = 50;

/**
 * A message board in `element`, which the reader can switch off and on. `author` is where the reader's
 * name stands. `onMessage` hears each message once, and `onSwitch` that `isOn` has changed.
 */
export function createBoard(element, { author, onMessage, onSwitch }) {
  const { board: id } = element.dataset;
  const url = `boards/${id}/messages`;
  const toggle = element.querySelector('[role="switch"]');
  const form = element.querySelector('form');
  const list = element.querySelector('.messages');
  const error = element.querySelector('.error');
  const spoken = element.querySelector('[aria-live]');
  const { text } = form.elements;
  const known = new Set();
  let isOn = true;

  const supply = createSupply(url, (messages) => {
    for (const message of messages) add(message);
    list.ariaBusy = 'false';
  });

  /** Adds a message, unless it is on the board already. */
  function add(message, { announce = false } = {}) {
    if (known.has(message.id)) return;
    known.add(message.id);

    const item = render(message);
    item.classList.toggle('fresh', announce);
    const older = [...list.children].find((other) => Number(other.dataset.at) <= message.at);
    list.insertBefore(item, older ?? null);
    if (list.children.length > capacity) list.lastElementChild.remove();

    if (announce) spoken.textContent = `${message.name}: ${message.text}`;
    onMessage(message);
  }

  async function post() {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: author.value, text: text.value }),
    }).catch(() => undefined);
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

  text.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });

  toggle.addEventListener('click', () => {
    isOn = !isOn;
    toggle.ariaChecked = isOn;
    element.dataset.state = isOn ? 'on' : 'off';
    // The stream doesn't bring what is posted while the board is off.
    if (!isOn) supply.outdate();
    onSwitch();
  });

  return {
    id,
    add,
    get isOn() {
      return isOn;
    },
    outdate: supply.outdate,
    update() {
      if (isOn) supply.update();
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
