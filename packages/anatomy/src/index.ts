/** Nothing in here needs more than a browser has. What reads the services' answers is in ./recorded.ts. */
export { dissect, type Anatomy, type Cause, type Explanation, type HeldRevisions, type Writer } from './dissect.ts'
export { layOut, stepsOf, type Drawing } from './layout.ts'
export type { RecordedWrite, RecordedWrites, StoreWrite } from './recorded.ts'
