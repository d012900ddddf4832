export {
  poisonReasons,
  type ChangeEvent,
  type Decoded,
  type PoisonReason,
  type Position,
  type Row,
  type Source,
} from './change-event.ts'
export {
  decode,
  recordFormats,
  type DecodeOptions,
  type EncodedRecord,
  type RecordFormat,
  type RecordFormats,
} from './decode.ts'
export { formatLsn, lsnFromNumber, parseLsn, type Lsn } from './lsn.ts'
export { offsetLimit, parseOffset, type Offset } from './offset.ts'
export { epochLimit, versionOf, type Version } from './version.ts'
