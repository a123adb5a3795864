import { checkFamily } from '../testing/family.ts';
import { mistral } from './mistral.ts';

checkFamily(mistral, 'mistral-a');
