import { describe, expect, test } from '@jest/globals'
import { parseLag } from './sinks.ts'

describe('the lag in the metrics of a sink', () => {
  test('adds the records of the partitions and takes the longest time', () => {
    const metrics = [
      '# HELP sink_lag_records Offsets',
      'sink_lag_records{topic="driftlab.cdc.orders",partition="0",service="cache-updater"} 3',
      'sink_lag_records{topic="driftlab.cdc.orders",partition="1",service="cache-updater"} 4',
      'sink_lag_ms{topic="driftlab.cdc.orders",partition="0",service="cache-updater"} 12',
      'sink_lag_ms{topic="driftlab.cdc.orders",partition="1",service="cache-updater"} 40.5',
      'sink_lag_records_of_something_else{partition="1"} 99',
    ].join('\n')
    expect(parseLag(metrics)).toEqual({ records: 7, ms: 40.5 })
  })

  test('a sink that has read nothing yet is not behind', () => {
    expect(parseLag('# nothing\n')).toEqual({ records: 0, ms: 0 })
  })
})
