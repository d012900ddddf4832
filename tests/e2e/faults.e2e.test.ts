import { afterAll } from '@jest/globals'
import { testFaults } from './faults.ts'
import { openPipeline } from './pipeline.ts'

const pipeline = await openPipeline()
afterAll(() => pipeline.mend(), 120_000)

testFaults(pipeline, { killsPerSink: 3, outageMs: 20_000 })
