import { checkFamily } from '../testing/family.ts';
import { gemma3 } from './gemma3.ts';

checkFamily(gemma3, 'gemma3_text-a');
