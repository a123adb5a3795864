import { checkFamily } from '../testing/family.ts';
import { gptOss } from './gpt-oss.ts';

checkFamily(gptOss, 'gpt_oss-a');
