export {
  answerWithProblem,
  createApplication,
  notAllowed,
  observeRequests,
  onlyUnder,
  requestBuckets,
  unknownRoute,
} from './application.ts'
export { createCursors, readCursor, type Cursors } from './cursor.ts'
export {
  commonKinds,
  commonProblem,
  HttpProblem,
  internalProblem,
  invalidRequest,
  problemOf,
  type CommonCode,
  type ProblemExtensions,
  type ProblemKind,
  type ProblemOptions,
} from './problem.ts'
export { problemFields, type FieldError } from './schemas.ts'
