/**
 * Projects, told apart by the file's name: `unit` does no I/O, `int` needs one real store, `e2e` needs the whole
 * pipeline, `browser` that and Chromium, `compose` a container engine. Types are stripped by Node's own stripper, the same that runs the services, so a test runs the very
 * code that production runs.
 */
const shared = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  globalTeardown: '<rootDir>/infra/jest/left-open.js',
  transform: { '\\.ts$': '<rootDir>/infra/jest/strip-types.js' },
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/.lab/'],
  modulePathIgnorePatterns: ['<rootDir>/.lab/'],
}

export default {
  reporters: ['default', '<rootDir>/infra/jest/progress.js'],
  projects: ['unit', 'int', 'e2e', 'browser', 'compose'].map((kind) => ({
    ...shared,
    displayName: kind,
    testMatch: [`<rootDir>/**/*.${kind}.test.ts`],
  })),
}
