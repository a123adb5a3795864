/** Digits of the sum of two numbers of n digits, n + 1 of them, the first digit first. */
export function sumOf(x: readonly number[], y: readonly number[]): number[] {
  const digits: number[] = [];
  let carry = 0;
  for (let i = x.length - 1; i >= 0; i--) {
    const sum = x[i]! + y[i]! + carry;
    digits.unshift(sum % 10);
    carry = sum > 9 ? 1 : 0;
  }
  return [carry, ...digits];
}
