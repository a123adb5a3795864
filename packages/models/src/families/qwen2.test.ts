import { checkFamily } from '../testing/family.ts';
import { qwen2 } from './qwen2.ts';

checkFamily(qwen2, 'qwen2-a');
