export {
  answerWithProblem,
  createApplication,
  notAllowed,
  observeRequests,
  requestBuckets,
  unknownRoute,
} from './application.ts'
export { createCursors, readCursor, type Cursors } from './cursor.ts'
export {
  clientFault,
  commonKinds,
  commonProblem,
  HttpProblem,
  internalProblem,
  invalidRequest,
  type CommonCode,
  type ProblemExtensions,
  type ProblemKind,
  type ProblemOptions,
} from './problem.ts'
export { problemFields, type FieldError } from './schemas.ts'
