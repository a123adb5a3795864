import { checkFamily } from '../testing/family.ts';
import { deepseekV3 } from './deepseek-v3.ts';

checkFamily(deepseekV3, 'deepseek_v3-a');
