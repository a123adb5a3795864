import { checkFamily } from '../testing/family.ts';
import { olmo2 } from './olmo2.ts';

checkFamily(olmo2, 'olmo2-a');
