export { offsetLimit, parseOffset, type Offset } from './offset.ts'
