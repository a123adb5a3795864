import { checkFamily } from '../testing/family.ts';
import { llama } from './llama.ts';

checkFamily(llama, 'llama-a', 'llama-c');
