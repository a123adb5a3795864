import { checkFamily } from '../testing/family.ts';
import { smollm3 } from './smollm3.ts';

checkFamily(smollm3, 'smollm3-a');
