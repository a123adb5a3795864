import { checkFamily } from '../testing/family.ts';
import { cohere2 } from './cohere2.ts';

checkFamily(cohere2, 'cohere2-a');
