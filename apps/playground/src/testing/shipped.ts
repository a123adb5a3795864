import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createTokenizer, openCheckpoint } from '@headwise/models';
import { pathFiles } from '@headwise/models/node';
import type { ShippedModel } from '../engine/shipped-model.ts';

/** The model that the page fetches, from where the command line has it. */
export async function shippedFromDisk(): Promise<ShippedModel> {
  const root = dirname(createRequire(import.meta.url).resolve('headwise/package.json'));
  const checkpoint = await openCheckpoint(pathFiles(join(root, 'assets/little-stories')));
  if (checkpoint.tokenizer?.kind !== 'llama2c') throw new Error('the shipped model has no vocabulary');
  return { checkpoint, tokenizer: createTokenizer(checkpoint.tokenizer.vocabulary) };
}
