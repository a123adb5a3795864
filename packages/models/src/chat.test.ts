import { Template } from '@huggingface/jinja';
import { expect, it } from 'vitest';
import { renderChat } from './chat.ts';

const tokenizer = { bos: 1, eos: 2, piece: (id: number) => ['<unk>', '<s>', '</s>'][id]! };
const messages = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hi {{ there }}' },
];
const chatml =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

it('writes a conversation as the template says', () => {
  expect(renderChat({ Template, source: chatml, messages, tokenizer })).toBe(
    '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi {{ there }}<|im_end|>\n<|im_start|>assistant\n',
  );
  const source = '{{ bos_token }}{% for m in messages %}{{ m.content | trim }}{{ eos_token }}{% endfor %}';
  expect(renderChat({ Template, source, messages, tokenizer, answers: false })).toBe(
    '<s>Be brief.</s>Hi {{ there }}</s>',
  );
});

it.each([
  ['refuses', "{{ raise_exception('System role not supported') }}"],
  ['is no template', '{% for %}'],
])('says that a template %s', (_, source) => {
  expect(() => renderChat({ Template, source, messages, tokenizer })).toThrowErrorMatchingSnapshot();
});

it('names a template that does not end', () => {
  const deadline = (): never => {
    throw Object.assign(new Error('stopped'), { name: 'DeadlineError' });
  };
  expect(() => renderChat({ Template, source: '', messages, tokenizer, deadline })).toThrow(
    'chat template: it was stopped after 2000 ms',
  );
});
