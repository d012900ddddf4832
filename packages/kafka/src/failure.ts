import kafkajs from 'kafkajs'

/** Whether the log itself failed: out of reach, in the middle of something, or of the opinion that we are somebody's past. */
export function isLogFailure(error: unknown): error is Error {
  return error instanceof kafkajs.KafkaJSError
}
