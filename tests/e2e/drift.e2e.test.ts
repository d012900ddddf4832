import { afterAll } from '@jest/globals'
import { testDrift } from './drift.ts'
import { openPipeline } from './pipeline.ts'

const pipeline = await openPipeline()
afterAll(() => pipeline.mend(), 120_000)

testDrift(pipeline)
