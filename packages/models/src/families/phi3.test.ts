import { checkFamily } from '../testing/family.ts';
import { phi3 } from './phi3.ts';

checkFamily(phi3, 'phi3-a', 'phi3-c');
