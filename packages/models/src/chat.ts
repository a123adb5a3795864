import { type Deadline, guarded } from './deadline.ts';
import { FormatError } from './errors.ts';
import type { Tokenizer } from './tokenizers/contract.ts';

/** The class `Template` of `@huggingface/jinja`, as far as it is used here. */
export type TemplateLibrary = new (source: string) => { render(values: Record<string, unknown>): string };

/** What somebody says. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`; what a template knows. */
  readonly role: string;
  readonly content: string;
}

/** How a conversation is written. */
export interface ChatOptions {
  /** `import { Template } from '@huggingface/jinja'`. This package brings none. */
  readonly Template: TemplateLibrary;
  /** The template of the model, in Jinja. */
  readonly source: string;
  readonly messages: readonly ChatMessage[];
  /** Whose first and last pieces the template may write. */
  readonly tokenizer: Pick<Tokenizer, 'bos' | 'eos' | 'piece'>;
  /** Ends where the model is to answer. Default true. */
  readonly answers?: boolean | undefined;
  /** For templates of strangers, whose loops may never end. Default none. */
  readonly deadline?: Deadline | undefined;
}

const FORMAT = 'chat template';
const MOST_MS = 2000;

/**
 * A conversation as the model was trained to read one. Encode it with `{ special: false }`: the template writes what
 * stands around. What a message says is not escaped, as everywhere: a stranger's text may hold the pieces that end a turn.
 *
 * @throws {FormatError} if the template cannot be read, refuses the messages, writes nothing, or does not end.
 */
export function renderChat({
  Template,
  source,
  messages,
  tokenizer,
  answers = true,
  deadline,
}: ChatOptions): string {
  const run = guarded(FORMAT, deadline);
  const piece = (id: number | undefined): string => (id === undefined ? '' : tokenizer.piece(id));
  const values = {
    messages: messages.map((message) => ({ ...message })),
    add_generation_prompt: answers,
    bos_token: piece(tokenizer.bos),
    eos_token: piece(tokenizer.eos),
  };
  const written = run(() => new Template(source).render(values), MOST_MS);
  if (typeof written === 'string' && written.trim() !== '') return written;
  throw new FormatError(
    FORMAT,
    `it writes nothing for ${messages.length} messages: it is another model's, or cut`,
  );
}
