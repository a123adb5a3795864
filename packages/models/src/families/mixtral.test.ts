import { checkFamily } from '../testing/family.ts';
import { mixtral } from './mixtral.ts';

checkFamily(mixtral, 'mixtral-a');
