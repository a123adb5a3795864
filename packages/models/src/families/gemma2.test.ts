import { checkFamily } from '../testing/family.ts';
import { gemma2 } from './gemma2.ts';

checkFamily(gemma2, 'gemma2-a');
