/**
 * Stands in for vitest in the program of the sandbox: of the conformance kit it takes the laws, which are plain functions,
 * and not what registers them as tests.
 */
const noTests = (): never => {
  throw new Error('there is no test runner in a page');
};
export const describe = noTests;
export const it = noTests;
export const expect = noTests;
export const test = noTests;
export const afterAll = noTests;
export const beforeAll = noTests;
export const afterEach = noTests;
export const beforeEach = noTests;
export const inject = noTests;
