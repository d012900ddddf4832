/** The end-to-end tests that are not run in containers, each with its reason; `tests/run.ts compose` prints them. */
export const nativeOnly: readonly { readonly path: string; readonly why: string }[] = [
  {
    path: 'tests/e2e/relayed-lanes.e2e.test.ts',
    why: 'it makes lanes of its own and starts what feeds them as processes that reach every store, and docker-compose.yml has neither',
  },
  {
    path: 'tests/e2e/zombies.e2e.test.ts',
    why:
      'whether a frozen sink has records in its hands is read from the sockets of its process, but the processes of ' +
      'containers may be on another machine, and nothing can be run in a container that is frozen',
  },
]
