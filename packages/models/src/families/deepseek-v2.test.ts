import { checkFamily } from '../testing/family.ts';
import { deepseekV2 } from './deepseek-v2.ts';

checkFamily(deepseekV2, 'deepseek_v2-a');
