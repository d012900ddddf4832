/** The specification of this repository's orders, for a lane of any name: its names follow from the lane's. */
import {
  ordersSpecificationPath,
  readSpecification,
  type LaneSpecification,
  type Specification,
} from './specification.ts'

/** @returns a specification with that one lane in it, whose truth is a table. */
export async function ordersLaneSpecification(
  lane: string,
  settles: LaneSpecification['settles'],
): Promise<Specification> {
  return await withOneLane('dual-write', lane, (model) => ({ ...model, settles }))
}

/** @returns a specification with that one lane in it, whose truth is a log. */
export async function eventSourcedLaneSpecification(lane: string): Promise<Specification> {
  return await withOneLane('event-sourcing', lane, (model) => model)
}

async function withOneLane(
  model: string,
  lane: string,
  change: (renamed: LaneSpecification) => LaneSpecification,
): Promise<Specification> {
  const orders = await readSpecification(ordersSpecificationPath)
  const found = orders.lanes[model]
  if (found === undefined) throw new Error(`the specification of the orders lost its lane ${model}`)
  const inSql = (name: string): string => name.replaceAll('-', '_')
  const renamed = JSON.parse(
    JSON.stringify(found).replaceAll(model, lane).replaceAll(inSql(model), inSql(lane)),
  ) as LaneSpecification
  return { ...orders, lanes: { [lane]: change(renamed) } }
}
