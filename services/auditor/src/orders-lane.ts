/** The specification of this repository's orders, for a lane of any name: its names follow from the lane's. */
import {
  ordersSpecificationPath,
  readSpecification,
  type LaneSpecification,
  type Specification,
} from './specification.ts'

/** @returns a specification with that one lane in it. */
export async function ordersLaneSpecification(
  lane: string,
  settles: LaneSpecification['settles'],
): Promise<Specification> {
  const orders = await readSpecification(ordersSpecificationPath)
  const model = orders.lanes['dual-write']
  if (model === undefined) throw new Error('the specification of the orders lost its lane of dual writes')
  const renamed = JSON.parse(
    JSON.stringify(model).replaceAll('dual-write', lane).replaceAll('dual_write', lane.replaceAll('-', '_')),
  ) as LaneSpecification
  return { ...orders, lanes: { [lane]: { ...renamed, settles } } }
}
