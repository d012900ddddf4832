import { afterAll } from '@jest/globals'
import { testFaults } from './faults.ts'
import { openPipeline, sinks } from './pipeline.ts'

const pipeline = await openPipeline()
afterAll(() => pipeline.mend(), 120_000)

testFaults(pipeline, { struckSinks: sinks, killsPerSink: 3, outageMs: 20_000 })
