import js from '@eslint/js'
import jest from 'eslint-plugin-jest'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

const clients = [
  'kafkajs',
  '@platformatic/kafka',
  'pg',
  'ioredis',
  '@elastic/elasticsearch',
  '@clickhouse/client',
  'express',
  'pino',
  'prom-client',
]

export default defineConfig(
  globalIgnores(['node_modules', '.lab', 'load-tests/dist', 'services/dashboard/dist']),
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
    },
  },
  {
    // A projection is pure: it sees a change and returns operations. Only the seam imports the Kafka client.
    files: ['**/project.ts'],
    rules: {
      'no-restricted-imports': ['error', { paths: clients }],
      'no-restricted-globals': ['error', 'process', 'Date', 'console'],
    },
  },
  {
    files: ['packages/**/*.ts', 'services/**/*.ts', 'infra/**/*.ts'],
    ignores: ['packages/kafka/**', '**/project.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: ['kafkajs', '@platformatic/kafka'].map((name) => ({
            name,
            message: 'Only packages/kafka touches a client of Kafka; import @driftlab/kafka.',
          })),
        },
      ],
    },
  },
  {
    files: ['**/*.test.ts'],
    extends: [jest.configs['flat/recommended']],
    rules: { 'jest/no-disabled-tests': 'error', 'jest/expect-expect': 'off' },
  },
  {
    files: ['**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly' } },
  },
)
