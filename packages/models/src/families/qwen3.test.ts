import { checkFamily } from '../testing/family.ts';
import { qwen3 } from './qwen3.ts';

checkFamily(qwen3, 'qwen3-a');
