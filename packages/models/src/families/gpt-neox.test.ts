import { checkFamily } from '../testing/family.ts';
import { gptNeox } from './gpt-neox.ts';

checkFamily(gptNeox, 'gpt_neox-a');
