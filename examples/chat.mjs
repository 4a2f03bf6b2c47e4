// A chat in the terminal with a running Polymnia, without any dependency:
//   POLYMNIA_KEY=pmn_… node examples/chat.mjs
// or one question: … node examples/chat.mjs "When do we deploy?"
import { createInterface } from 'node:readline';

const { POLYMNIA_URL = 'http://127.0.0.1:4100', POLYMNIA_KEY = '' } = process.env;

/** Sends the conversation so far, writes the answer as it comes, and returns it. */
async function answer(messages) {
  const response = await fetch(`${POLYMNIA_URL}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${POLYMNIA_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages, stream: true }),
  });
  if (!response.ok) throw new Error((await response.json()).error.message);
  let text = '';
  for await (const data of events(response.body)) {
    const { choices, error } = JSON.parse(data);
    // What goes wrong after the first word comes as an event.
    if (error) throw new Error(error.message);
    const piece = choices[0]?.delta.content ?? '';
    process.stdout.write(piece);
    text += piece;
  }
  process.stdout.write('\n');
  return text;
}

/** The data of server-sent events, up to the last one, `[DONE]`. */
async function* events(body) {
  let rest = '';
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + part).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      if (block === 'data: [DONE]') return;
      if (block.startsWith('data: ')) yield block.slice('data: '.length);
    }
  }
}

const question = process.argv.slice(2).join(' ');
const messages = [];
if (!question) console.error('Ask, a line at a time; Ctrl-D ends.');
try {
  for await (const line of question ? [question] : createInterface({ input: process.stdin })) {
    messages.push({ role: 'user', content: line });
    messages.push({ role: 'assistant', content: await answer(messages) });
  }
} catch (error) {
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
}
