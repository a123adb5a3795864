import { checkFamily } from '../testing/family.ts';
import { gpt2 } from './gpt2.ts';

checkFamily(gpt2, 'gpt2-a');
